// No such page, and a page that could not be opened at all.

import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { CompassOutlined } from '../components/icons';
import { EmptyState } from '../components/States';

export function NotFound() {
  const { t } = useTranslation();
  return (
    <main className="lone">
      <EmptyState icon={<CompassOutlined />} title={t('shell.error.pageTitle')} text={t('shell.error.page')}>
        <Link to="/" className="button-link">
          {t('shell.error.home')}
        </Link>
      </EmptyState>
    </main>
  );
}

export function CrashPage() {
  const { t } = useTranslation();
  return (
    <main className="lone">
      <EmptyState title={t('shell.error.crashTitle')} text={t('shell.error.crash')}>
        <Button type="primary" onClick={() => window.location.reload()}>
          {t('shell.error.reload')}
        </Button>
      </EmptyState>
    </main>
  );
}
