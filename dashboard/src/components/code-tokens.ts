// Just enough of a lexer to colour JSON and the receivers' code. It yields text, never markup.

export interface Token {
  kind: 'plain' | 'string' | 'key' | 'number' | 'word' | 'comment';
  text: string;
}

export type CodeLanguage = 'json' | 'php' | 'node' | 'python' | 'csharp' | 'java' | 'text';

const WORDS: Partial<Record<CodeLanguage, string>> = {
  json: 'true false null',
  php: 'declare function return if else foreach for as use new throw try catch exit const static string bool int array true false null echo while continue',
  node: 'import from const let function return if else for of new throw try catch await async export default true false null class continue typeof',
  python:
    'import from def return if not else elif for in and or is None True False class try except raise with as pass while continue',
  csharp:
    'using var new return if else foreach for in string bool int long byte static class public private async await true false null try catch throw out continue readonly const is not',
  java: 'import package public private static final class void return if else for new throw throws try catch byte boolean int long var true false null continue',
};

const COMMENTS: Partial<Record<CodeLanguage, string>> = {
  php: String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/|#[^\n]*`,
  node: String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`,
  python: String.raw`#[^\n]*|"""[\s\S]*?"""`,
  csharp: String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`,
  java: String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`,
};

const STRING = [
  String.raw`"(?:[^"\\\n]|\\.)*"`,
  String.raw`'(?:[^'\\\n]|\\.)*'`,
  '`(?:[^`\\\\]|\\\\.)*`',
].join('|');

export function tokens(code: string, language: CodeLanguage): Token[] {
  if (language === 'text') return [{ kind: 'plain', text: code }];
  const words = new Set(WORDS[language]?.split(' '));
  const comment = COMMENTS[language] ?? '(?!)';
  const pattern = new RegExp(`(${comment})|(${STRING})|(-?\\b\\d[\\w.+-]*)|([A-Za-z_][\\w]*)`, 'g');
  const found: Token[] = [];
  let end = 0;
  for (const match of code.matchAll(pattern)) {
    if (match.index > end) found.push({ kind: 'plain', text: code.slice(end, match.index) });
    end = match.index + match[0].length;
    found.push({ kind: kindOf(match, code, end, language, words), text: match[0] });
  }
  if (end < code.length) found.push({ kind: 'plain', text: code.slice(end) });
  return found;
}

function kindOf(
  [, comment, string, digits]: RegExpExecArray | RegExpMatchArray,
  code: string,
  end: number,
  language: CodeLanguage,
  words: Set<string>,
): Token['kind'] {
  if (comment !== undefined) return 'comment';
  if (string !== undefined)
    return language === 'json' && /^\s*:/.test(code.slice(end, end + 8)) ? 'key' : 'string';
  if (digits !== undefined) return 'number';
  const word = /[A-Za-z_]\w*$/.exec(code.slice(Math.max(0, end - 64), end))?.[0] ?? '';
  return words.has(word) ? 'word' : 'plain';
}
