import { expect, test } from 'vitest';
import type { Webhook } from '../../api/types';
import { fieldsOf, minutesOf, NEW, secondsOf, toChange, toNew } from './fields';

test('minutes become seconds and come back', () => {
  for (const seconds of [1, 2, 30, 60, 300, 5400, 86400]) expect(secondsOf(minutesOf(seconds))).toBe(seconds);
});

const made = (over: Partial<Webhook>) =>
  ({
    url: 'https://a.vn/',
    events: ['*'],
    headers: [],
    max_attempts: 3,
    retry_interval_seconds: 300,
    retry_schedule_seconds: null,
    timeout_seconds: 10,
    own_settings: [],
    description: '',
    enabled: true,
    ...over,
  }) as unknown as Webhook;

test('a new webhook sends only what was set', () => {
  const fields = { ...NEW, url: 'https://a.vn/', events: ['*'] };
  const { url, events } = fields;
  const bare = { url, events, headers: [], description: '', enabled: true };
  expect(toNew(fields)).toEqual(bare);
  expect(toNew({ ...fields, retry_minutes: 0.5, timeout_seconds: 20 })).toEqual({
    ...bare,
    retry_interval_seconds: 30,
    timeout_seconds: 20,
  });
  expect(toNew({ ...fields, max_attempts: 3 })).toEqual({ ...bare, max_attempts: 3 });
});

test('only a webhook’s own settings are shown as set', () => {
  const { retry_minutes, max_attempts, timeout_seconds } = fieldsOf(made({ own_settings: ['max_attempts'] }));
  expect([retry_minutes, max_attempts, timeout_seconds]).toEqual([null, 3, null]);
});

test('a change names only what differs', () => {
  const before = { ...NEW, url: 'https://a.vn/', events: ['order.*'] };
  expect(toChange({ ...before, retry_minutes: 10 }, before)).toEqual({ retry_interval_seconds: 600 });
  expect(toChange(before, before)).toEqual({});
});

test('a setting goes back to the server’s', () => {
  const before = fieldsOf(
    made({ own_settings: ['max_attempts', 'retry_interval_seconds', 'timeout_seconds'] }),
  );
  expect(toChange({ ...before, retry_minutes: null }, before)).toEqual({ retry_interval_seconds: null });
  expect(toChange({ ...before, max_attempts: null, timeout_seconds: null }, before)).toEqual({
    max_attempts: null,
    timeout_seconds: null,
  });
});

test('a schedule stays until it is replaced', () => {
  const before = fieldsOf(
    made({
      retry_interval_seconds: null,
      retry_schedule_seconds: [60, 600],
      own_settings: ['retry_schedule_seconds'],
    }),
  );
  expect(toChange({ ...before, description: 'x' }, before)).toEqual({ description: 'x' });
  expect(toChange({ ...before, schedule: null }, before)).toEqual({ retry_schedule_seconds: null });
  expect(toChange({ ...before, schedule: null, retry_minutes: 5, max_attempts: 3 }, before)).toEqual({
    retry_schedule_seconds: null,
    retry_interval_seconds: 300,
    max_attempts: 3,
  });
});
