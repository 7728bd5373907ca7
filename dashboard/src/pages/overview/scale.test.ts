import { expect, test } from 'vitest';
import { niceMax } from './scale';

test.each([
  [0, 4],
  [3, 4],
  [5, 6],
  [10, 10],
  [11, 20],
  [35, 40],
  [101, 200],
  [7321, 8000],
])('an axis for %d ends at %d, whose half is whole', (value, top) => {
  expect(niceMax(value)).toBe(top);
});
