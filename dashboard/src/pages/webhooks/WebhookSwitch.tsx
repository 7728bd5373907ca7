// On and off. Off costs what waits, so it is asked for.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Switch, Tooltip } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Webhook } from '../../api/types';
import { changeWebhook, webhooksKey } from '../../api/webhooks';
import { useMay, useStoreId } from '../../app/session';
import { useErrorText } from '../../components/States';

export function WebhookSwitch({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const { message, modal } = App.useApp();
  const store = useStoreId();
  const may = useMay();
  const queries = useQueryClient();
  const text = useErrorText();
  const change = useMutation({
    mutationFn: (enabled: boolean) => changeWebhook(store, webhook.id, { enabled }),
    onError: (error) => message.error(text(error)),
    onSuccess: async (changed) => {
      await queries.invalidateQueries({ queryKey: webhooksKey(store) });
      message.success(changed.enabled ? t('webhooks.turnedOn') : t('webhooks.turnedOff'));
    },
  });
  const ask = (enabled: boolean) => {
    if (enabled) return change.mutate(true);
    modal.confirm({
      title: t('webhooks.offQuestion'),
      content: t('webhooks.offText'),
      okText: t('webhooks.offConfirm'),
      cancelText: t('shell.cancel'),
      onOk: () => change.mutateAsync(false).catch(() => undefined),
    });
  };
  const isGone = !webhook.enabled && webhook.disabled_reason === 'webhook_gone';
  const word = isGone ? t('webhooks.gone') : webhook.enabled ? t('webhooks.on') : t('webhooks.off');
  return (
    <Tooltip title={isGone ? t('webhooks.goneHint') : undefined}>
      <span className={`on-off ${webhook.enabled ? 'is-on' : isGone ? 'is-gone' : 'is-off'}`}>
        {may.manage && (
          <Switch
            size="small"
            checked={webhook.enabled}
            loading={change.isPending}
            onChange={ask}
            aria-label={t('webhooks.toggle', { url: webhook.url })}
          />
        )}
        <span>{word}</span>
      </span>
    </Tooltip>
  );
}
