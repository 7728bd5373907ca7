// The request of an attempt as a curl command for a POSIX shell, to the very bytes that were signed.
import type { Header } from '../../../api/types';

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function toCurl(url: string, headers: Header[], body: string): string {
  const lines = [
    `curl -X POST ${quote(url)}`,
    ...headers.map(({ key, value }) => `-H ${quote(`${key}: ${value}`)}`),
    // `@` at the beginning of --data would name a file, and line breaks would be dropped.
    `--data-raw ${quote(body)}`,
  ];
  return lines.join(' \\\n  ');
}
