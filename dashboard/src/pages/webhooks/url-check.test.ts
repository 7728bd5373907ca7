import { expect, test } from 'vitest';
import { checkUrl } from './url-check';

test.each([
  '',
  'h',
  'https',
  'https:/',
  'https://',
  'https://shop.vn/webhook',
  'https://bán-hàng.vn:8443/w?a=1',
  'https://8.8.8.8/',
])('nothing is said about %j', (url) => expect(checkUrl(url)).toBeNull());

test.each([
  ['http://shop.vn/', 'not_https'],
  ['shop.vn', 'not_https'],
  ['ftp://shop.vn', 'not_https'],
  ['https:///shop.vn', 'slashes'],
  ['https:shop.vn', 'slashes'],
  ['https://shop.vn/a b', 'invisible_character'],
  [' https://shop.vn/', 'invisible_character'],
  ['https://shop.vn/\u200b', 'invisible_character'],
  ['https://shop.vn\\a', 'backslash'],
  ['https://me:secret@shop.vn/', 'user_info'],
  ['https://shop.vn/#top', 'fragment'],
  ['https://shop.vn/đơn', 'non_ascii'],
  ['https:///', 'slashes'],
  ['https://:443/', 'no_host'],
  ['https://shop%2evn/', 'percent_in_host'],
  ['https://shop.vn:0/', 'bad_port'],
  ['https://shop.vn:70000/', 'bad_port'],
  ['https://shop.vn./', 'trailing_dot'],
  ['https://127.1/', 'address_spelling'],
  ['https://010.0.0.1/', 'address_spelling'],
  ['https://shop_vn/', 'bad_name'],
])('%s is refused as %s', (url, reason) => {
  expect(checkUrl(url)).toMatchObject({ reason, isWarning: false });
});

test.each([
  ['https://10.0.0.1/', 'private_address'],
  ['https://127.0.0.1:8443/', 'private_address'],
  ['https://192.168.1.10/hook', 'private_address'],
  ['https://localhost/', 'inside_name'],
  ['https://erp.local/', 'inside_name'],
  ['https://intranet/', 'inside_name'],
])('%s is only warned of, because the server may allow it: %s', (url, reason) => {
  expect(checkUrl(url)).toMatchObject({ reason, isWarning: true });
});
