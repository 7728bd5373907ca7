// Gửi lại of one row: sends, waits for the attempt's end, says how it went.
import { useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { deliveriesKey, getDelivery, resendDelivery } from '../../api/deliveries';
import { POLL_MS, useLive } from '../../api/live';
import type { Delivery } from '../../api/types';
import { useErrorText } from '../../components/States';
import { useSteady } from '../../components/useSteady';
import { useDeliveryText } from '../../outcomes/useOutcomeText';
import { Resends } from './resends';

export interface Resend {
  send: (row: Delivery) => void;
  isSending: (id: string) => boolean;
}

export function useResend(store: string, onOpen: (id: string) => void): Resend {
  const { t } = useTranslation();
  const { notification, message } = App.useApp();
  const queries = useQueryClient();
  const errorText = useErrorText();
  const deliveryText = useDeliveryText();
  const [resends] = useState(() => new Resends());
  const timers = useRef(new Map<string, number>());
  const [sending, setSending] = useState<ReadonlySet<string>>(new Set());

  const forget = (id: string) => {
    window.clearTimeout(timers.current.get(id));
    timers.current.delete(id);
    resends.forget(id);
    setSending(resends.ids());
  };

  const settle = (row: Delivery | null) => {
    if (!row) return;
    forget(row.id);
    void queries.invalidateQueries({ queryKey: [...deliveriesKey(store), 'one', row.id] });
    const text = deliveryText(row);
    const isGood = row.status === 'succeeded';
    notification.open({
      key: row.id,
      type: isGood ? 'success' : 'error',
      title: isGood ? t('deliveries.resendSucceeded') : t('deliveries.resendFailed'),
      description: (
        <>
          <div>{text?.title}</div>
          {!isGood && <div className="soft">{text?.advice}</div>}
        </>
      ),
      actions: (
        <Button
          size="small"
          onClick={() => {
            notification.destroy(row.id);
            onOpen(row.id);
          }}
        >
          {t('deliveries.history')}
        </Button>
      ),
      duration: isGood ? 5 : 12,
    });
  };
  useLive('delivery', (row) => settle(resends.heard(row)));

  /** The stream may be down: look once, as late as pages may ask. */
  const look = async (id: string) => {
    const row = await getDelivery(store, id).catch(() => null);
    if (row) settle(resends.heard(row));
    if (!resends.has(id)) return;
    forget(id);
    message.info(t('deliveries.resendSlow'));
    await queries.invalidateQueries({ queryKey: deliveriesKey(store) });
  };

  const send = useSteady(async (row: Delivery) => {
    if (resends.has(row.id)) return;
    resends.begin(row.id);
    timers.current.set(
      row.id,
      window.setTimeout(() => void look(row.id), POLL_MS),
    );
    setSending(resends.ids());
    try {
      settle(resends.answered(await resendDelivery(store, row.id)));
    } catch (error) {
      forget(row.id);
      notification.error({ title: t('deliveries.resendRefused'), description: errorText(error) });
    }
  });

  // Rows are drawn again when one begins or ends to be sent, and not before.
  return useMemo(() => ({ send, isSending: (id) => sending.has(id) }), [send, sending]);
}
