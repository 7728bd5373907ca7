// Which optional columns a person wants to see; remembered in this browser.
import { useState } from 'react';
import { recall, remember } from '../../app/memory';

export const optionalColumns = ['webhook', 'code', 'duration', 'next'] as const;
export type OptionalColumn = (typeof optionalColumns)[number];

const KEY = 'bocau.columns';

export function useColumns() {
  const [columns, setColumns] = useState<OptionalColumn[]>(() => {
    const kept = recall(KEY)?.split(',') ?? [];
    return optionalColumns.filter((name) => kept.includes(name));
  });
  const change = (next: OptionalColumn[]) => {
    remember(KEY, next.join(','));
    setColumns(optionalColumns.filter((name) => next.includes(name)));
  };
  return [columns, change] as const;
}
