import { expect, test } from 'vitest';
import { indentJson, memberText } from './json-text';

test('numbers keep the digits that were sent', () => {
  expect(indentJson('{"a":12345678901234567890,"b":1.0}')).toBe(
    '{\n  "a": 12345678901234567890,\n  "b": 1.0\n}',
  );
});

test('braces and quotes inside strings are no structure', () => {
  expect(indentJson(String.raw`{"a":"{\"x\": [1, 2]}"}`)).toBe(
    `{\n  "a": ${String.raw`"{\"x\": [1, 2]}"`}\n}`,
  );
});

test('empty objects and arrays stay on one line', () => {
  expect(indentJson('{"a":{},"b":[]}')).toBe('{\n  "a": {},\n  "b": []\n}');
});

test('what is no JSON object or array is left to be shown as it is', () => {
  expect(indentJson('<html></html>')).toBeNull();
  expect(indentJson('{"a":')).toBeNull();
  expect(indentJson('12')).toBeNull();
});

test('a member is cut out with its own spaces and line breaks', () => {
  const text = '{"x":{"payload":1},"payload":{ "id" : 1.0,\n "n":[1,2] },"history":[]}';
  expect(memberText(text, 'payload')).toBe('{ "id" : 1.0,\n "n":[1,2] }');
  expect(memberText(text, 'history')).toBe('[]');
  expect(memberText(text, 'id')).toBeNull();
});
