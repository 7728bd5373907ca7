// One inbox: its address, its answer, the way to try it, what came in.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Segmented } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { changeInbox, deleteInbox, inboxesKey, listInboxRequests } from '../../api/inboxes';
import { POLL_MS, useLive } from '../../api/live';
import type { Inbox, InboxAnswer } from '../../api/types';
import { useWebhooks } from '../../api/webhooks';
import { useMay } from '../../app/session';
import { CopyButton } from '../../components/CopyButton';
import { DeleteOutlined, PlusOutlined, SendOutlined } from '../../components/icons';
import { ErrorState, LoadingState, useErrorText } from '../../components/States';
import { InboxRequests } from './InboxRequests';

const answers: InboxAnswer[] = ['ok', 'fail', 'slow'];

export function InboxPanel({ store, inbox }: { store: string; inbox: Inbox }) {
  const { t } = useTranslation();
  const { message, modal } = App.useApp();
  const may = useMay();
  const queries = useQueryClient();
  const text = useErrorText();
  const webhooks = useWebhooks(store);
  const webhook = webhooks.data?.find(({ url }) => url === inbox.url);

  const key = [...inboxesKey(store), inbox.id, 'requests'];
  const requests = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => listInboxRequests(store, inbox.id, signal),
    refetchInterval: POLL_MS,
  });
  // What arrives here is a delivery of ours, so the stream tells of it.
  useLive('delivery', (row) => {
    if (row.url === inbox.url && row.attempts > 0) void queries.invalidateQueries({ queryKey: key });
  });

  const refresh = () => queries.invalidateQueries({ queryKey: inboxesKey(store) });
  const onError = (error: Error) => message.error(text(error));
  const change = useMutation({
    mutationFn: (answer: InboxAnswer) => changeInbox(store, inbox.id, answer),
    onSuccess: async ({ answer }) => {
      await refresh();
      message.success(t('inbox.answerChanged', { answer: t(`inbox.answers.${answer}`) }));
    },
    onError,
  });
  const askDelete = () =>
    modal.confirm({
      title: t('inbox.deleteQuestion'),
      content: t('inbox.deleteText'),
      okText: t('inbox.delete'),
      okButtonProps: { danger: true },
      cancelText: t('shell.cancel'),
      onOk: async () => {
        await deleteInbox(store, inbox.id).then(() => message.success(t('inbox.deleted')), onError);
        await refresh();
      },
    });

  return (
    <>
      <section className="card card-body inbox">
        <div className="inbox-url">
          <span className="soft">{t('inbox.url')}</span>
          <span className="secret">
            <code className="secret-text">{inbox.url}</code>
            <CopyButton text={inbox.url} size="middle" />
          </span>
        </div>
        <div className="inbox-answer">
          <span className="soft">{t('inbox.answer')}</span>
          <Segmented
            aria-label={t('inbox.answer')}
            disabled={!may.manage || change.isPending}
            value={change.isPending ? change.variables : inbox.answer}
            onChange={(answer) => change.mutate(answer)}
            options={answers.map((answer) => ({ value: answer, label: t(`inbox.answers.${answer}`) }))}
          />
          <span className="soft">{t(`inbox.answerHints.${inbox.answer}`)}</span>
        </div>
        {may.manage && (
          <div className="inbox-actions">
            {webhook ? (
              <Link className="button-link button-link-primary" to={`../webhooks?test=${webhook.id}`}>
                <SendOutlined /> {t('inbox.test')}
              </Link>
            ) : (
              <Link
                className="button-link button-link-primary"
                to={`../webhooks?add&url=${encodeURIComponent(inbox.url)}`}
              >
                <PlusOutlined /> {t('inbox.addWebhook')}
              </Link>
            )}
            <Button type="text" danger icon={<DeleteOutlined />} onClick={askDelete}>
              {t('inbox.delete')}
            </Button>
          </div>
        )}
      </section>
      <section className="card card-body">
        <h2>{t('inbox.requests')}</h2>
        {requests.isPending && <LoadingState rows={4} />}
        {requests.error && !requests.data && (
          <ErrorState error={requests.error} onRetry={() => requests.refetch()} />
        )}
        {requests.data && <InboxRequests requests={requests.data} />}
      </section>
    </>
  );
}
