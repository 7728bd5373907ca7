import { expect, test } from 'vitest';
import type { EventType } from '../../api/types';
import { chosenOf, patternsOf } from './patterns';

const types = [
  { name: 'order.created', group: 'order' },
  { name: 'order.updated', group: 'order' },
  { name: 'inventory.updated', group: 'product' },
] as EventType[];

test('a group takes its types by group, not by the beginning of their names', () => {
  expect([...chosenOf(['product.*'], types)]).toEqual(['inventory.updated']);
  expect(chosenOf(['*'], types).size).toBe(3);
});

test('a whole group stays a group', () => {
  const names = new Set(['order.created', 'order.updated', 'inventory.updated']);
  expect(patternsOf(names, new Set(['order']), types)).toEqual(['order.*', 'inventory.updated']);
});
