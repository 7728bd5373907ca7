import { expect, test } from 'vitest';
import { changes } from './changes';

test('only what differs is listed', () => {
  expect(changes({ url: 'https://a.vn/', enabled: true }, { url: 'https://b.vn/', enabled: true })).toEqual([
    { field: 'url', from: 'https://a.vn/', to: 'https://b.vn/' },
  ]);
});

test('what was made has no before, what was deleted no after', () => {
  expect(changes(null, { events: ['*'] })).toEqual([{ field: 'events', from: null, to: '["*"]' }]);
  expect(changes({ enabled: false }, null)).toEqual([{ field: 'enabled', from: 'false', to: null }]);
});
