import { expect, test } from 'vitest';
import type { Delivery } from '../../api/types';
import { Resends } from './resends';

const row = (attempts: number) => ({ id: 'dlv_1', attempts }) as Delivery;

test('the result is in with one attempt more than the answer tells of', () => {
  const resends = new Resends();
  resends.begin('dlv_1');
  expect(resends.answered(row(2))).toBeNull();
  expect(resends.heard(row(2))).toBeNull();
  expect(resends.heard(row(3))).toEqual(row(3));
});

test('what is heard before the answer counts, and only where it is newer', () => {
  const resends = new Resends();
  resends.begin('dlv_1');
  expect(resends.heard(row(2))).toBeNull();
  expect(resends.answered(row(2))).toBeNull();
  resends.begin('dlv_1');
  expect(resends.heard(row(3))).toBeNull();
  expect(resends.answered(row(2))).toEqual(row(3));
});

test('nobody waits for what was not begun or is forgotten', () => {
  const resends = new Resends();
  expect(resends.heard(row(1))).toBeNull();
  resends.begin('dlv_1');
  resends.forget('dlv_1');
  expect(resends.answered(row(1))).toBeNull();
  expect(resends.ids().size).toBe(0);
});
