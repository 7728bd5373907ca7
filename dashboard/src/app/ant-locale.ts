// Ant Design's own texts in the page's language.
import type { ConfigProviderProps } from 'antd';
import viVN from 'antd/es/locale/vi_VN';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';

type Locale = ConfigProviderProps['locale'];

export function useAntLocale(): Locale {
  const { i18n } = useTranslation();
  const [english, setEnglish] = useState<Locale>();
  const isEnglish = i18n.language === 'en';
  useEffect(() => {
    if (isEnglish && !english)
      void import('antd/es/locale/en_US').then((module) => setEnglish(module.default));
  }, [isEnglish, english]);
  return isEnglish ? english : viVN;
}
