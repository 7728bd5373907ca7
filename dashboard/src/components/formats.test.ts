import i18next from 'i18next';
import { beforeAll, expect, vi as mocks, test } from 'vitest';

mocks.stubGlobal('window', { localStorage: { getItem: () => null, setItem: () => undefined } });
const { exactTime, hourThere, relativeTime } = await import('./time');
const { duration, number, percent } = await import('./numbers');

const now = Date.parse('2026-11-24T03:30:00Z');

beforeAll(async () => {
  await i18next.init({ lng: 'vi', resources: { vi: { translation: { shell: { justNow: 'vừa xong' } } } } });
});

test('the exact time is that of Vietnam', () => {
  expect(exactTime('2026-11-24T18:05:09Z')).toBe('25/11/2026 01:05:09');
  expect(hourThere(now)).toBe(10);
});

test('near times are relative, far ones are dates', () => {
  expect(relativeTime('2026-11-24T03:29:57Z', now)).toBe('vừa xong');
  expect(relativeTime('2026-11-24T03:25:00Z', now)).toBe('5 phút trước');
  expect(relativeTime('2026-11-24T03:34:00Z', now)).toBe('sau 4 phút nữa');
  expect(relativeTime('2026-11-23T03:30:00Z', now)).toBe('1 ngày trước');
  expect(relativeTime('2026-10-01T03:30:00Z', now)).toBe('01/10/2026 10:30');
});

test('numbers are written the Vietnamese way', () => {
  expect(number(1234567)).toBe('1.234.567');
  expect(percent(0.9834)).toBe('98,3%');
  expect(duration(1234)).toBe('1,2 s');
  expect(duration(87)).toBe('87 ms');
});

test('a rate below one is never shown as 100 %', () => {
  expect(percent(0.99999)).toBe('99,9%');
  expect(percent(1)).toBe('100%');
});
