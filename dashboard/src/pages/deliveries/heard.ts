// What the live stream told, in the rows of a page.
import { replaceEqualDeep } from '@tanstack/react-query';
import type { Delivery } from '../../api/types';

export interface Page {
  data: Delivery[];
  next_cursor: string | null;
}

/** The new page with the old one's objects for rows that have not changed, so that they are not drawn again. */
export function keepRows(old: Page | undefined, next: Page): Page {
  const byId = new Map(old?.data.map((row) => [row.id, row]));
  return { ...next, data: next.data.map((row) => replaceEqualDeep(byId.get(row.id), row)) };
}

/** Rows that are here as they are now, and new ones that belong here above them. */
export function withHeard(
  rows: Delivery[],
  heard: Delivery[],
  belongs: (row: Delivery) => boolean,
): Delivery[] {
  const byId = new Map(heard.map((row) => [row.id, row]));
  const result = rows.map((row) => byId.get(row.id) ?? row);
  const oldestFirst = heard.toSorted(
    (a, b) => a.created_at.localeCompare(b.created_at) || a.id.localeCompare(b.id),
  );
  for (const row of oldestFirst) {
    const newest = result[0];
    const isNew =
      !newest ||
      row.created_at > newest.created_at ||
      (row.created_at === newest.created_at && row.id > newest.id);
    if (isNew && belongs(row)) result.unshift(row);
  }
  return result;
}
