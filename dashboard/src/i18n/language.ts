// Which of the two languages the pages speak: Vietnamese unless the person switched.
import { recall, remember } from '../app/memory';

export type Language = 'vi' | 'en';

const KEY = 'bocau.language';
let current: Language = recall(KEY) === 'en' ? 'en' : 'vi';

export const currentLanguage = (): Language => current;

export function keepLanguage(language: Language) {
  current = language;
  remember(KEY, language);
}
