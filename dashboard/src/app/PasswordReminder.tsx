// Who came in by the one-time link and has no password would be locked out next time.
import { Alert } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'react-router';
import { useSession } from './session';

export function PasswordReminder({ store }: { store?: string }) {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const { user } = useSession();
  if (!user || user.has_password || !store || pathname.endsWith('/settings/account')) return null;
  return (
    <Alert
      className="reminder"
      type="warning"
      showIcon
      title={t('shell.noPassword')}
      action={
        <Link className="button-link" to={`/stores/${encodeURIComponent(store)}/settings/account`}>
          {t('shell.setPassword')}
        </Link>
      }
    />
  );
}
