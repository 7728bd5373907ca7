// What is plainly wrong with a webhook URL, said while it is typed. The server judges again and has the last
// word; what depends on its settings (opened networks) is only a warning here.

export interface UrlFinding {
  /** A key below `urlCheck` in the texts; the same words as the server's `reason`. */
  reason: UrlReason;
  isWarning: boolean;
  character?: string;
}

export type UrlReason =
  | 'too_long'
  | 'invisible_character'
  | 'backslash'
  | 'not_https'
  | 'slashes'
  | 'user_info'
  | 'fragment'
  | 'non_ascii'
  | 'no_host'
  | 'percent_in_host'
  | 'address_spelling'
  | 'trailing_dot'
  | 'bad_port'
  | 'bad_name'
  | 'inside_name'
  | 'private_address';

const LENGTH_MAX = 2048;
const INSIDE = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|private|localdomain|test|home\.arpa)$/;

/** `null` where nothing is wrong, or where one is still typing the beginning. */
export function checkUrl(raw: string): UrlFinding | null {
  const wrong = (reason: UrlReason, character?: string) => ({ reason, isWarning: false, character });
  const warn = (reason: UrlReason) => ({ reason, isWarning: true });

  if (raw === '' || 'https://'.startsWith(raw.toLowerCase())) return null;
  if (new TextEncoder().encode(raw).length > LENGTH_MAX) return wrong('too_long');
  if (/[\s\p{Cc}\p{Default_Ignorable_Code_Point}]/u.test(raw)) return wrong('invisible_character');
  if (raw.includes('\\')) return wrong('backslash');
  if (!/^https:/i.test(raw)) return wrong('not_https');
  const rest = /^https:\/\/(?!\/)(.*)$/i.exec(raw)?.[1];
  if (rest === undefined) return wrong('slashes');

  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? '';
  const path = rest.slice(authority.length);
  if (authority.includes('@')) return wrong('user_info');
  if (path.includes('#')) return wrong('fragment');
  const foreign = [...path].find((character) => character > '\u007f');
  if (foreign) return wrong('non_ascii', foreign);

  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(authority) ?? [];
  if (host === '') return wrong('no_host');
  if (host.includes('%')) return wrong('percent_in_host');
  if (port !== undefined && !isPort(port)) return wrong('bad_port');
  return host.startsWith('[') ? null : checkHost(host.toLowerCase(), wrong, warn);
}

type Make = (reason: UrlReason) => UrlFinding;

function checkHost(host: string, wrong: Make, warn: Make): UrlFinding | null {
  if (host.endsWith('.')) return wrong('trailing_dot');
  if (/^[\d.]+$/.test(host)) return checkAddress(host, wrong, warn);
  if (host.startsWith('.') || host.includes('..') || /[^\p{L}\p{N}\p{M}.-]/u.test(host))
    return wrong('bad_name');
  return !host.includes('.') || INSIDE.test(host) ? warn('inside_name') : null;
}

function checkAddress(host: string, wrong: Make, warn: Make): UrlFinding | null {
  const parts = host.split('.');
  const isPlain =
    parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  if (!isPlain) return wrong('address_spelling');
  const [a = 0, b = 0] = parts.map(Number);
  const isInside =
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128);
  return isInside ? warn('private_address') : null;
}

const isPort = (port: string) => /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65535;
