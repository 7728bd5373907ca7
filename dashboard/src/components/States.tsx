// What a page shows when there is nothing, not yet, or no way to show it.

import { Button, Skeleton } from 'antd';
import { Component, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/problem';
import { ReloadOutlined } from './icons';

interface EmptyProps {
  title: ReactNode;
  text?: ReactNode;
  icon?: ReactNode;
  children?: ReactNode;
}

export function EmptyState({ title, text, icon, children }: EmptyProps) {
  return (
    <div className="state">
      {icon && <div className="state-icon">{icon}</div>}
      <h2 className="state-title">{title}</h2>
      {text && <p className="state-text">{text}</p>}
      {children && <div className="state-actions">{children}</div>}
    </div>
  );
}

/** What an error means for the person who looks at the page. */
export function useErrorText() {
  const { t } = useTranslation();
  return (error: unknown): string => {
    if (!(error instanceof ApiError)) return t('shell.error.crash');
    const wait = error.retryAfterSeconds
      ? ` ${t('shell.error.wait', { seconds: error.retryAfterSeconds })}`
      : '';
    if (error.status === 0) return t('shell.error.unreachable');
    if (error.detail && error.status !== 404) return error.detail + wait;
    if (error.status === 403) return t('shell.error.forbidden');
    if (error.status === 404) return t('shell.error.notFound');
    return t('shell.error.server') + wait;
  };
}

export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const text = useErrorText();
  return (
    <div className="state" role="alert">
      <h2 className="state-title">{t('shell.error.title')}</h2>
      <p className="state-text">{text(error)}</p>
      {onRetry && (
        <div className="state-actions">
          <Button icon={<ReloadOutlined />} onClick={onRetry}>
            {t('shell.error.retry')}
          </Button>
        </div>
      )}
    </div>
  );
}

export function LoadingState({ rows = 5 }: { rows?: number }) {
  const { t } = useTranslation();
  return (
    <div className="loading" role="status" aria-label={t('shell.loading')}>
      <Skeleton active title={false} paragraph={{ rows, width: '100%' }} />
    </div>
  );
}

function Crash() {
  const { t } = useTranslation();
  return (
    <EmptyState title={t('shell.error.crashTitle')} text={t('shell.error.crash')}>
      <Button type="primary" onClick={() => window.location.reload()}>
        {t('shell.error.reload')}
      </Button>
    </EmptyState>
  );
}

/** Keeps the frame standing when a page fails, also when its file is gone after an update. */
export class CrashGuard extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Crash /> : this.props.children;
  }
}
