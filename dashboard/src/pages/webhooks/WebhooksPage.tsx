// Cấu hình webhook: where the store's events go. Which popup is open stands in the address.

import { Button, Grid } from 'antd';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { useWebhooks } from '../../api/webhooks';
import { useMay, useStoreId } from '../../app/session';
import { ApiOutlined, PlusOutlined } from '../../components/icons';
import { PageHead } from '../../components/PageHead';
import { EmptyState, ErrorState, LoadingState } from '../../components/States';
import { WebhookCards } from './WebhookCards';
import { WebhookTable } from './WebhookTable';

const WebhookPopup = lazy(async () => ({ default: (await import('./WebhookPopup')).WebhookPopup }));
const TestPopup = lazy(async () => ({ default: (await import('./TestPopup')).TestPopup }));
const SecretPopup = lazy(async () => ({ default: (await import('./SecretPopup')).SecretPopup }));

/** `?add`, `?edit=wh_…`, `?test=wh_…`, `?secret=wh_…`; `?url=` fills a new one in. */
export function WebhooksPage() {
  const { t } = useTranslation();
  const store = useStoreId();
  const may = useMay();
  const go = useNavigate();
  const [search] = useSearchParams();
  const webhooks = useWebhooks(store);
  const isWide = Grid.useBreakpoint().xl ?? true;

  const close = () => go('.', { replace: true, preventScrollReset: true });
  const find = (name: string) => webhooks.data?.find(({ id }) => id === search.get(name));
  const editing = find('edit');
  const testing = find('test');
  const showing = find('secret');
  const isAdding = search.has('add');
  const list = webhooks.data ?? [];

  return (
    <>
      <PageHead title={t('webhooks.title')} intro={t('webhooks.intro')}>
        {may.manage && list.length > 0 && (
          <Button type="primary" icon={<PlusOutlined />} onClick={() => go('?add')}>
            {t('webhooks.add')}
          </Button>
        )}
      </PageHead>
      <section className="card">
        {webhooks.isPending && <LoadingState />}
        {webhooks.error && !webhooks.data && (
          <ErrorState error={webhooks.error} onRetry={() => webhooks.refetch()} />
        )}
        {webhooks.data && list.length === 0 && (
          <EmptyState icon={<ApiOutlined />} title={t('webhooks.emptyTitle')} text={t('webhooks.emptyText')}>
            {may.manage && (
              <>
                <Button type="primary" icon={<PlusOutlined />} onClick={() => go('?add')}>
                  {t('webhooks.add')}
                </Button>
                <Link to="../inbox">{t('webhooks.emptyTry')}</Link>
              </>
            )}
          </EmptyState>
        )}
        {list.length > 0 && (isWide ? <WebhookTable rows={list} /> : <WebhookCards rows={list} />)}
      </section>
      <Suspense fallback={null}>
        {may.manage && (isAdding || editing) && (
          <WebhookPopup
            key={editing?.id ?? 'new'}
            webhook={editing}
            url={search.get('url') ?? ''}
            onClose={close}
            onCreated={(id) => go(`?secret=${id}&created=1`, { replace: true })}
          />
        )}
        {may.manage && testing && <TestPopup key={testing.id} webhook={testing} onClose={close} />}
        {may.manage && showing && (
          <SecretPopup key={showing.id} webhook={showing} isNew={search.has('created')} onClose={close} />
        )}
      </Suspense>
    </>
  );
}
