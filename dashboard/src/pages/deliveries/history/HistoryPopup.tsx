// Popup Lịch sử sự kiện.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { deliveriesKey, getDelivery } from '../../../api/deliveries';
import { useLive, usePollInterval } from '../../../api/live';
import { useMay } from '../../../app/session';
import { BodyBlock } from '../../../components/CodeBlock';
import { RedoOutlined } from '../../../components/icons';
import { Popup } from '../../../components/Popup';
import { ErrorState, LoadingState } from '../../../components/States';
import type { Resend } from '../useResend';
import { AttemptTimeline } from './AttemptTimeline';
import { DeliverySummary } from './DeliverySummary';
import './history.css';

interface Props {
  store: string;
  id: string;
  resend: Resend;
  onClose: () => void;
}

export function HistoryPopup({ store, id, resend, onClose }: Props) {
  const { t } = useTranslation();
  const may = useMay();
  const queries = useQueryClient();
  const key = [...deliveriesKey(store), 'one', id];
  const delivery = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => getDelivery(store, id, signal),
    refetchInterval: usePollInterval(),
  });
  useLive('delivery', (row) => {
    if (row.id === id) void queries.invalidateQueries({ queryKey: key });
  });
  const row = delivery.data;
  const canResend = may.manage && row && row.webhook_id !== null && row.payloadText !== null;
  return (
    <Popup
      title={t('history.title')}
      width={860}
      onCancel={onClose}
      footer={[
        canResend && (
          <Button
            key="resend"
            type="primary"
            icon={<RedoOutlined />}
            loading={resend.isSending(id)}
            onClick={() => resend.send(row)}
          >
            {t('deliveries.resend')}
          </Button>
        ),
        <Button key="close" onClick={onClose}>
          {t('shell.close')}
        </Button>,
      ]}
    >
      {delivery.isPending && <LoadingState rows={6} />}
      {delivery.error && !row && <ErrorState error={delivery.error} onRetry={() => delivery.refetch()} />}
      {row && (
        <>
          <DeliverySummary row={row} isSending={resend.isSending(id)} />
          <AttemptTimeline row={row} />
          <h3 className="popup-heading">{t('history.payload')}</h3>
          {row.payloadText === null ? (
            <p className="soft">{t('history.noPayload')}</p>
          ) : (
            <BodyBlock text={row.payloadText} label="JSON" maxHeight={320} />
          )}
        </>
      )}
    </Popup>
  );
}
