// Times as people in Vietnam read them: Asia/Ho_Chi_Minh, whatever zone the device is set to.
import i18next from 'i18next';
import { currentLanguage } from '../i18n/language';

export const ZONE = 'Asia/Ho_Chi_Minh';
/** Vietnam has had no daylight saving since 1975. */
export const ZONE_OFFSET = '+07:00';

const locale = () => (currentLanguage() === 'en' ? 'en-GB' : 'vi-VN');

const formats = new Map<string, Intl.DateTimeFormat>();
function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(options);
  const made =
    formats.get(key) ?? new Intl.DateTimeFormat(locale(), { timeZone: ZONE, hourCycle: 'h23', ...options });
  formats.set(key, made);
  return made;
}

const date = { day: '2-digit', month: '2-digit', year: 'numeric' } as const;
const clock = { hour: '2-digit', minute: '2-digit' } as const;

const day = (at: Date) => format(date).format(at);
const time = (at: Date, seconds: boolean) =>
  format(seconds ? { ...clock, second: '2-digit' } : clock).format(at);

/** `24/11/2026 10:32:31` */
export const exactTime = (iso: string) => `${day(new Date(iso))} ${time(new Date(iso), true)}`;

/** `24/11/2026 10:32` */
export const shortTime = (iso: string) => `${day(new Date(iso))} ${time(new Date(iso), false)}`;

export const clockTime = (iso: string) => time(new Date(iso), false);

/** `24/11` */
export const dayAndMonth = (iso: string) => day(new Date(iso)).slice(0, 5);

const relatives = new Map<string, Intl.RelativeTimeFormat>();
const STEPS = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 7],
] as const;

/** `5 phút trước`, `sau 3 phút`; a week and more away it is the day itself. */
export function relativeTime(iso: string, now: number): string {
  let amount = (new Date(iso).getTime() - now) / 1000;
  if (Math.abs(amount) < 10) return i18next.t('shell.justNow');
  const words = relatives.get(locale()) ?? new Intl.RelativeTimeFormat(locale(), { numeric: 'always' });
  relatives.set(locale(), words);
  for (const [unit, size] of STEPS) {
    if (Math.abs(Math.round(amount)) < size) return words.format(Math.round(amount), unit);
    amount /= size;
  }
  return shortTime(iso);
}

/** The hour of the day there, 0 to 23. */
export const hourThere = (now: number) =>
  Number(format({ hour: '2-digit' }).format(new Date(now)).replace(/\D/g, ''));
