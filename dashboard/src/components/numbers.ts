// Numbers as the language writes them: 1.234,5 in Vietnamese.
import { currentLanguage } from '../i18n/language';

const locale = () => (currentLanguage() === 'en' ? 'en-US' : 'vi-VN');

// Making one takes longer than a thousand uses of it.
const formats = new Map<string, Intl.NumberFormat>();
function format(options: Intl.NumberFormatOptions = {}): Intl.NumberFormat {
  const key = locale() + JSON.stringify(options);
  const made = formats.get(key) ?? new Intl.NumberFormat(locale(), options);
  formats.set(key, made);
  return made;
}

export const number = (value: number) => format().format(value);

/** `0.9834` as `98,3%`; never 100% while something failed. */
export function percent(rate: number): string {
  const shown = rate < 1 ? Math.min(rate, 0.999) : rate;
  return format({ style: 'percent', maximumFractionDigits: 1 }).format(shown);
}

/** `340 ms`, `1,2 s` */
export function duration(ms: number): string {
  if (ms < 1000) return `${number(Math.round(ms))} ms`;
  return `${format({ maximumFractionDigits: 1 }).format(ms / 1000)} s`;
}

export const decimalSeparator = () => (currentLanguage() === 'en' ? '.' : ',');
