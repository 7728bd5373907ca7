import { expect, test } from 'vitest';
import { en } from './en';
import { vi } from './vi';

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [[`${path}${key}`, value] as [string, string]]
      : flat(value, `${path}${key}/`),
  );
}

const placeholders = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();

test('every Vietnamese text has an English one with the same placeholders', () => {
  const english = new Map(flat(en as unknown as Tree));
  for (const [key, text] of flat(vi)) {
    expect(english.has(key), key).toBe(true);
    expect(placeholders(english.get(key) ?? ''), key).toEqual(placeholders(text));
  }
});

test('English has no text that Vietnamese lacks, singular forms apart', () => {
  const vietnamese = new Set(flat(vi).map(([key]) => key));
  const extra = flat(en as unknown as Tree).filter(([key]) => !vietnamese.has(key) && !key.endsWith('_one'));
  expect(extra).toEqual([]);
});
