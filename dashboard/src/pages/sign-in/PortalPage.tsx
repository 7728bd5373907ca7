// A store's pages opened from the platform's own admin by a short-lived link (`/portal#token=…`).
import { useTranslation } from 'react-i18next';
import { Navigate } from 'react-router';
import { LinkSignIn } from './LinkSignIn';
import { SignInFrame } from './SignInFrame';
import { takeToken } from './token';

export function PortalPage() {
  const { t } = useTranslation();
  const token = takeToken();
  if (token === null) return <Navigate to="/" replace />;
  if (token === '') return <SignInFrame title={t('signIn.linkTitle')}>{t('signIn.linkMissing')}</SignInFrame>;
  return <LinkSignIn token={token} kind="portal" />;
}
