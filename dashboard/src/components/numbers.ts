// Numbers as the language writes them: 1.234,5 in Vietnamese.
import { currentLanguage } from '../i18n/language';

const locale = () => (currentLanguage() === 'en' ? 'en-US' : 'vi-VN');

export const number = (value: number) => new Intl.NumberFormat(locale()).format(value);

/** `0.9834` as `98,3%`; never 100% while something failed. */
export function percent(rate: number): string {
  const shown = rate < 1 ? Math.min(rate, 0.999) : rate;
  return new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: 1 }).format(shown);
}

/** `340 ms`, `1,2 s` */
export function duration(ms: number): string {
  if (ms < 1000) return `${number(Math.round(ms))} ms`;
  return `${new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(ms / 1000)} s`;
}

export const decimalSeparator = () => (currentLanguage() === 'en' ? '.' : ',');
