import { expect, test } from 'vitest';
import type { Delivery } from '../../api/types';
import { keepRows, withHeard } from './heard';

const row = (id: string, second: number, status = 'pending') =>
  ({ id, status, created_at: `2026-11-24T06:00:0${second}.000Z` }) as Delivery;
const all = () => true;
const ids = (rows: Delivery[]) => rows.map(({ id }) => id);

test('new rows stand above, the newest first, in whatever order they were heard of', () => {
  const rows = withHeard([row('b', 2), row('a', 1)], [row('d', 4), row('c', 3)], all);
  expect(ids(rows)).toEqual(['d', 'c', 'b', 'a']);
});

test('a row that is here changes where it stands', () => {
  const rows = withHeard([row('b', 2), row('a', 1)], [row('a', 1, 'succeeded')], all);
  expect(ids(rows)).toEqual(['b', 'a']);
  expect(rows[1]?.status).toBe('succeeded');
});

test('what does not belong here and what belongs to a later page stays away', () => {
  expect(ids(withHeard([row('b', 2)], [row('c', 3)], () => false))).toEqual(['b']);
  expect(ids(withHeard([row('b', 2)], [row('a', 1)], all))).toEqual(['b']);
});

test('the first row of an empty page is a new one', () => {
  expect(ids(withHeard([], [row('a', 1)], all))).toEqual(['a']);
});

test('rows that have not changed keep their objects wherever they move', () => {
  const old = { data: [row('b', 2), row('a', 1)], next_cursor: null };
  const next = keepRows(old, {
    data: [row('c', 3), { ...row('b', 2) }, row('a', 1, 'succeeded')],
    next_cursor: null,
  });
  expect(next.data[1]).toBe(old.data[0]);
  expect(next.data[2]).not.toBe(old.data[1]);
  expect(next.data[2]?.status).toBe('succeeded');
});
