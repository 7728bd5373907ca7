// Hộp thử: the built-in receiver, for trying webhooks before one has a server.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Segmented } from 'antd';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { createInbox, inboxesKey, listInboxes } from '../../api/inboxes';
import { useMay, useStoreId } from '../../app/session';
import { ExperimentOutlined, PlusOutlined } from '../../components/icons';
import { PageHead } from '../../components/PageHead';
import { EmptyState, ErrorState, LoadingState, useErrorText } from '../../components/States';
import { InboxPanel } from './InboxPanel';
import './inbox.css';

export function InboxPage() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const store = useStoreId();
  const may = useMay();
  const queries = useQueryClient();
  const text = useErrorText();
  const [search, setSearch] = useSearchParams();
  const inboxes = useQuery({
    queryKey: inboxesKey(store),
    queryFn: ({ signal }) => listInboxes(store, signal),
  });
  const create = useMutation({
    mutationFn: () => createInbox(store),
    onSuccess: async (inbox) => {
      await queries.invalidateQueries({ queryKey: inboxesKey(store) });
      setSearch({ inbox: inbox.id }, { replace: true });
    },
    onError: (error) => message.error(text(error)),
  });
  const list = inboxes.data ?? [];
  const chosen = list.find(({ id }) => id === search.get('inbox')) ?? list[0];
  const button = (isPrimary: boolean) => (
    <Button
      type={isPrimary ? 'primary' : 'default'}
      icon={<PlusOutlined />}
      loading={create.isPending}
      onClick={() => create.mutate()}
    >
      {t('inbox.create')}
    </Button>
  );
  return (
    <>
      <PageHead title={t('inbox.title')} intro={t('inbox.intro')}>
        {may.manage && list.length > 0 && button(false)}
      </PageHead>
      {inboxes.isPending && <LoadingState rows={6} />}
      {inboxes.error && !inboxes.data && (
        <section className="card">
          <ErrorState error={inboxes.error} onRetry={() => inboxes.refetch()} />
        </section>
      )}
      {inboxes.data && list.length === 0 && (
        <section className="card">
          <EmptyState icon={<ExperimentOutlined />} title={t('inbox.emptyTitle')} text={t('inbox.emptyText')}>
            <ol className="steps">
              {t('inbox.steps')
                .split('|')
                .map((step) => (
                  <li key={step}>{step}</li>
                ))}
            </ol>
            {may.manage && button(true)}
          </EmptyState>
        </section>
      )}
      {list.length > 1 && chosen && (
        <div className="scroll-x inbox-tabs">
          <Segmented
            aria-label={t('inbox.title')}
            value={chosen.id}
            onChange={(id) => setSearch({ inbox: id }, { replace: true })}
            options={list.map(({ id, name }, index) => ({
              value: id,
              label: name || t('inbox.number', { number: list.length - index }),
            }))}
          />
        </div>
      )}
      {chosen && <InboxPanel key={chosen.id} store={store} inbox={chosen} />}
    </>
  );
}
