// Khóa ký: shown when asked for, copied, changed.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Webhook } from '../../api/types';
import { getSecret, rotateSecret } from '../../api/webhooks';
import { useStoreId } from '../../app/session';
import { CopyButton } from '../../components/CopyButton';
import { EyeInvisibleOutlined, EyeOutlined, SyncOutlined } from '../../components/icons';
import { Popup } from '../../components/Popup';
import { ErrorState, LoadingState, useErrorText } from '../../components/States';
import { exactTime } from '../../components/time';

interface Props {
  webhook: Webhook;
  /** It was made this moment. */
  isNew: boolean;
  onClose: () => void;
}

export function SecretPopup({ webhook, isNew, onClose }: Props) {
  const { t } = useTranslation();
  const { message, modal } = App.useApp();
  const store = useStoreId();
  const queries = useQueryClient();
  const text = useErrorText();
  const [isShown, setIsShown] = useState(isNew);
  const key = ['secret', webhook.id];
  // It is held only while the popup is open.
  const secret = useQuery({
    queryKey: key,
    queryFn: () => getSecret(store, webhook.id),
    gcTime: 0,
    staleTime: 0,
  });
  const rotate = useMutation({
    mutationFn: (force: boolean) => rotateSecret(store, webhook.id, force),
    onSuccess: (next) => {
      queries.setQueryData(key, next);
      setIsShown(true);
      message.success(t('webhooks.key.rotated'));
    },
    onError: (error) => message.error(text(error)),
  });
  const ask = () => {
    const isOldGood = !!secret.data?.previous_valid_until;
    modal.confirm({
      title: isOldGood ? t('webhooks.key.rotateAgain') : t('webhooks.key.rotateQuestion'),
      content: isOldGood ? t('webhooks.key.rotateAgainText') : t('webhooks.key.rotateText'),
      okText: t('webhooks.key.rotate'),
      okButtonProps: { danger: isOldGood },
      cancelText: t('shell.cancel'),
      onOk: () => rotate.mutateAsync(isOldGood).catch(() => undefined),
    });
  };

  return (
    <Popup title={t('webhooks.key.title')} width={600} onCancel={onClose} footer={null}>
      {isNew && <Alert className="form-alert" type="success" showIcon title={t('webhooks.key.created')} />}
      <p className="break">
        <code className="soft">{webhook.url}</code>
      </p>
      <p>{t('webhooks.key.text')}</p>
      {secret.isPending && <LoadingState rows={1} />}
      {secret.error && <ErrorState error={secret.error} onRetry={() => secret.refetch()} />}
      {secret.data && (
        <>
          <div className="secret" role="group" aria-label={t('webhooks.key.label')}>
            <code className="secret-text">{isShown ? secret.data.secret : `whsec_${'•'.repeat(28)}`}</code>
            <Button
              type="text"
              icon={isShown ? <EyeInvisibleOutlined /> : <EyeOutlined />}
              aria-label={isShown ? t('webhooks.key.hide') : t('webhooks.key.show')}
              onClick={() => setIsShown(!isShown)}
            />
            <CopyButton text={secret.data.secret} size="middle" />
          </div>
          {secret.data.previous_valid_until && (
            <p className="soft">
              {t('webhooks.key.previous', { time: exactTime(secret.data.previous_valid_until) })}
            </p>
          )}
          <div className="secret-foot">
            <Link to="../samples#code">{t('webhooks.key.code')}</Link>
            <Button icon={<SyncOutlined />} loading={rotate.isPending} onClick={ask}>
              {t('webhooks.key.rotate')}
            </Button>
          </div>
        </>
      )}
    </Popup>
  );
}
