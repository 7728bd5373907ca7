import { expect, test } from 'vitest';
import { fieldsOf, minutesOf, NEW, secondsOf, toChange, toNew } from './fields';

test('minutes become seconds and come back', () => {
  for (const seconds of [1, 2, 30, 60, 300, 5400, 86400]) expect(secondsOf(minutesOf(seconds))).toBe(seconds);
});

test('a new webhook has the values of the document', () => {
  expect(toNew({ ...NEW, url: 'https://a.vn/', events: ['*'] })).toMatchObject({
    max_attempts: 3,
    retry_interval_seconds: 300,
    headers: [],
  });
});

test('a change names only what differs', () => {
  const before = { ...NEW, url: 'https://a.vn/', events: ['order.*'] };
  expect(toChange({ ...before, retry_minutes: 10 }, before)).toEqual({ retry_interval_seconds: 600 });
  expect(toChange(before, before)).toEqual({});
});

test('a schedule stays until it is replaced', () => {
  const webhook = {
    url: 'https://a.vn/',
    events: ['*'],
    headers: [],
    max_attempts: 3,
    retry_interval_seconds: null,
    retry_schedule_seconds: [60, 600],
    timeout_seconds: 10,
    description: '',
    enabled: true,
  };
  const before = fieldsOf(webhook as never);
  expect(toChange({ ...before, description: 'x' }, before)).toEqual({ description: 'x' });
  expect(toChange({ ...before, retry_minutes: 5, max_attempts: 3 }, before)).toEqual({
    retry_schedule_seconds: null,
    retry_interval_seconds: 300,
    max_attempts: 3,
  });
});
