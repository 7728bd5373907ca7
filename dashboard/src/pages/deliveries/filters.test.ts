import { expect, test, vi } from 'vitest';
import type { Delivery } from '../../api/types';

vi.stubGlobal('window', { localStorage: { getItem: () => null, setItem: () => undefined } });
const { matches, readFilters, toQuery, writeFilters } = await import('./filters');

test('filters survive the way through the address', () => {
  const filters = {
    type: 'order.*',
    status: 'failed' as const,
    object_id: '208610',
    from: '2026-11-01',
    to: '2026-11-24',
  };
  expect(readFilters(writeFilters(filters))).toEqual(filters);
});

test('what is no day is left out', () => {
  expect(readFilters(new URLSearchParams('from=yesterday&to=2026-13-45'))).toEqual({});
});

test('days begin and end in Vietnam, the last one included', () => {
  expect(toQuery({ from: '2026-11-24', to: '2026-11-30' })).toEqual({
    from: '2026-11-24T00:00:00+07:00',
    to: '2026-12-01T00:00:00+07:00',
  });
});

const row = (over: Partial<Delivery>) =>
  ({
    event_type: 'inventory.updated',
    object_id: '1',
    status: 'failed',
    webhook_id: 'wh_1',
    created_at: '2026-11-23T17:00:00Z',
    ...over,
  }) as Delivery;
const groupOf = () => 'product';

test('a row belongs to its group even where its name does not say so', () => {
  expect(matches(row({}), { type: 'product.*' }, groupOf)).toBe(true);
  expect(matches(row({}), { type: 'inventory.created' }, groupOf)).toBe(false);
});

test('a row belongs to its day there', () => {
  expect(matches(row({}), { from: '2026-11-24', to: '2026-11-24' }, groupOf)).toBe(true);
  expect(matches(row({}), { to: '2026-11-23' }, groupOf)).toBe(false);
});
