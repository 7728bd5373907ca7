// What one can do with a webhook.
import { useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import type { Webhook } from '../../api/types';
import { deleteWebhook, webhooksKey } from '../../api/webhooks';
import { useStoreId } from '../../app/session';
import { useErrorText } from '../../components/States';

export function RowActions({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const { message, modal } = App.useApp();
  const go = useNavigate();
  const store = useStoreId();
  const queries = useQueryClient();
  const text = useErrorText();

  const askDelete = () =>
    modal.confirm({
      title: t('webhooks.deletion.title'),
      content: <span className="break">{t('webhooks.deletion.text', { url: webhook.url })}</span>,
      okText: t('webhooks.deletion.confirm'),
      okButtonProps: { danger: true },
      cancelText: t('shell.cancel'),
      onOk: async () => {
        try {
          await deleteWebhook(store, webhook.id);
          message.success(t('webhooks.deletion.done'));
        } catch (error) {
          message.error(text(error));
        }
        await queries.invalidateQueries({ queryKey: webhooksKey(store) });
      },
    });

  const action = (label: string, onClick: () => void, danger = false) => (
    <Button size="small" type="text" danger={danger} aria-label={`${label} ${webhook.url}`} onClick={onClick}>
      {label}
    </Button>
  );
  return (
    <div className="row-actions">
      {action(t('webhooks.test'), () => go(`?test=${webhook.id}`))}
      {action(t('webhooks.secret'), () => go(`?secret=${webhook.id}`))}
      {action(t('webhooks.edit'), () => go(`?edit=${webhook.id}`))}
      {action(t('webhooks.delete'), askDelete, true)}
    </div>
  );
}
