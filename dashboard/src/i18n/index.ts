// Texts. Vietnamese comes with the first page, English when it is asked for.
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { currentLanguage, keepLanguage, type Language } from './language';
import { vi } from './vi';

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof vi };
    returnNull: false;
  }
}

async function load(language: Language) {
  if (language === 'en' && !i18next.hasResourceBundle('en', 'translation')) {
    const { en } = await import('./en');
    i18next.addResourceBundle('en', 'translation', en);
  }
  document.documentElement.lang = language;
}

export async function startI18n() {
  await i18next.use(initReactI18next).init({
    resources: { vi: { translation: vi } },
    lng: 'vi',
    fallbackLng: 'vi',
    interpolation: { escapeValue: false },
    returnNull: false,
    showSupportNotice: false,
  });
  await switchLanguage(currentLanguage());
}

export async function switchLanguage(language: Language) {
  await load(language);
  keepLanguage(language);
  await i18next.changeLanguage(language);
}
