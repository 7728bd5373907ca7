// The card that one meets outside.
import { type ReactNode, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { LanguageSwitch, SchemeSwitch } from '../../app/AccountMenu';
import icon from '../../theme/icon.svg';

export function SignInFrame({ title, children }: { title?: string; children: ReactNode }) {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = title ? `${title} · Bồ Câu` : 'Bồ Câu';
  }, [title]);
  return (
    <div className="sign-in">
      <div className="sign-in-tools">
        <LanguageSwitch />
        <SchemeSwitch />
      </div>
      <main className="sign-in-card">
        <div className="sign-in-brand">
          <img src={icon} alt="" width={44} height={44} />
          <div>
            <strong>Bồ Câu</strong>
            <span>{t('shell.productTagline')}</span>
          </div>
        </div>
        {title && <h1>{title}</h1>}
        {children}
      </main>
    </div>
  );
}
