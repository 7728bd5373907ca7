import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { toCurl } from './curl';

test('a shell hands curl the very body, quotes, line breaks and dollar signs included', () => {
  const body = `{"name":"Kẻ 'mày' \`x\` $HOME \\\\ !!",\n "a":1}`;
  const command = toCurl("https://a.vn/?q='", [{ key: 'x-a', value: "it's" }], body);
  const printed = execFileSync('sh', [
    '-c',
    `curl() { for part; do printf '%s\\0' "$part"; done; }\n${command}`,
  ]);
  expect(printed.toString().split('\0').slice(0, -1)).toEqual([
    '-X',
    'POST',
    "https://a.vn/?q='",
    '-H',
    "x-a: it's",
    '--data-raw',
    body,
  ]);
});
