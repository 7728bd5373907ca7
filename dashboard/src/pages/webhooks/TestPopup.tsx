// Gửi thử: sends a sample at once and shows how it went.

import { useMutation } from '@tanstack/react-query';
import { Alert, Button, Select, Spin } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useEventTypes } from '../../api/stores';
import type { Webhook } from '../../api/types';
import { testWebhook } from '../../api/webhooks';
import { useStoreId } from '../../app/session';
import { AttemptResult } from '../../components/AttemptResult';
import { byGroup, useGroupLabel, useTypeLabel } from '../../components/EventTypeText';
import { SendOutlined } from '../../components/icons';
import { Popup } from '../../components/Popup';
import { ErrorState } from '../../components/States';
import { chosenOf } from './patterns';

export function TestPopup({ webhook, onClose }: { webhook: Webhook; onClose: () => void }) {
  const { t } = useTranslation();
  const store = useStoreId();
  const types = useEventTypes();
  const label = useTypeLabel();
  const group = useGroupLabel();
  const [type, setType] = useState<string>();
  const send = useMutation({ mutationFn: (name?: string) => testWebhook(store, webhook.id, name) });

  const taken = types.data?.filter(({ name }) => chosenOf(webhook.events, types.data).has(name)) ?? [];
  const first = byGroup(taken)[0]?.[1][0]?.name;
  const asked = type ?? first;
  const isStarted = useRef(false);
  useEffect(() => {
    if (!asked || isStarted.current) return;
    isStarted.current = true;
    send.mutate(asked);
  }, [asked, send.mutate]);

  const result = send.data;
  return (
    <Popup title={t('webhooks.testing.title')} width={720} onCancel={onClose} footer={null}>
      <p className="soft break">{t('webhooks.testing.text', { url: webhook.url })}</p>
      <div className="test-bar">
        <Select
          aria-label={t('webhooks.testing.type')}
          value={asked}
          onChange={setType}
          options={byGroup(taken).map(([name, own]) => ({
            label: group(name),
            title: name,
            options: own.map((entry) => ({ value: entry.name, label: label(entry.name) })),
          }))}
        />
        <Button
          type="primary"
          icon={<SendOutlined />}
          loading={send.isPending}
          onClick={() => send.mutate(asked)}
        >
          {send.isIdle ? t('webhooks.testing.send') : t('webhooks.testing.again')}
        </Button>
      </div>
      <div aria-live="polite">
        {send.isPending && (
          <p className="test-wait">
            <Spin size="small" /> {t('webhooks.testing.sending')}
          </p>
        )}
        {send.error && <ErrorState error={send.error} />}
        {!send.isPending &&
          result &&
          ('outcome' in result ? (
            <AttemptResult attempt={result} />
          ) : (
            <Alert type="info" showIcon title={t('webhooks.testing.waiting')} />
          ))}
        {!send.isPending && result && (
          <p className="test-more">
            <Link to={`../deliveries?open=${result.delivery_id}`}>{t('webhooks.testing.history')}</Link>
          </p>
        )}
      </div>
    </Popup>
  );
}
