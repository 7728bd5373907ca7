// The report on a narrow screen: a card for each row, with what the row says.
import { useTranslation } from 'react-i18next';
import type { Delivery } from '../../api/types';
import { EventTypeText } from '../../components/EventTypeText';
import { number } from '../../components/numbers';
import { StatusTag } from '../../components/StatusTag';
import { TimeText } from '../../components/TimeText';
import { useDeliveryText } from '../../outcomes/useOutcomeText';
import { DeliveryActions, Responses } from './DeliveryTable';
import type { Resend } from './useResend';

interface Props {
  rows: Delivery[];
  offset: number;
  resend: Resend;
  onOpen: (id: string) => void;
}

export function DeliveryCards({ rows, offset, resend, onOpen }: Props) {
  const { t } = useTranslation();
  const textOf = useDeliveryText();
  return (
    <ul className="cards">
      {rows.map((row, index) => {
        const text = row.status === 'succeeded' ? null : textOf(row);
        return (
          <li key={row.id} className="item">
            <div className="item-head">
              <span className="item-number soft">
                <span className="visually-hidden">{t('deliveries.columns.number')} </span>
                {number(offset + index + 1)}
              </span>
              <span className="cell-type">
                <EventTypeText name={row.event_type} />
                {row.test && <span className="chip chip-test">{t('deliveries.test')}</span>}
              </span>
              <span className="item-state">
                <StatusTag row={row} isSending={row.resend_waiting || resend.isSending(row.id)} />
              </span>
            </div>
            {text && <p className="item-reason">{[text.title, text.next].filter(Boolean).join('. ')}</p>}
            <dl className="item-facts">
              <div>
                <dt>{t('deliveries.columns.object')}</dt>
                <dd>
                  <code className="break">{row.object_id}</code>
                </dd>
              </div>
              <div>
                <dt>{t('deliveries.columns.responses')}</dt>
                <dd>
                  <Responses row={row} />
                </dd>
              </div>
              <div>
                <dt>{t('deliveries.columns.created')}</dt>
                <dd>
                  <TimeText at={row.created_at} />
                </dd>
              </div>
            </dl>
            <DeliveryActions row={row} resend={resend} onOpen={onOpen} />
          </li>
        );
      })}
    </ul>
  );
}
