// The rows that are shown: while the list is held, the row that was on top stays on top.
import { useState } from 'react';
import type { Delivery } from '../../api/types';

export function useVisibleRows(rows: Delivery[], isHeld: boolean) {
  const newest = rows[0]?.id;
  const [top, setTop] = useState(newest);
  if (newest !== top && (!isHeld || top === undefined)) setTop(newest);
  const hidden =
    isHeld && top !== undefined
      ? Math.max(
          rows.findIndex(({ id }) => id === top),
          0,
        )
      : 0;
  return { rows: hidden > 0 ? rows.slice(hidden) : rows, hidden, showAll: () => setTop(newest) };
}
