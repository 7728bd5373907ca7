// What the delivery is, where it stands and why.
import { useTranslation } from 'react-i18next';
import type { DeliveryDetail } from '../../../api/deliveries';
import type { Delivery, DeliveryState } from '../../../api/types';
import { CopyButton } from '../../../components/CopyButton';
import { EventTypeText } from '../../../components/EventTypeText';
import { StateTag } from '../../../components/StatusTag';
import { TimeText } from '../../../components/TimeText';
import { exactTime } from '../../../components/time';
import { explainAttempt } from '../../../outcomes/explain';
import { useDeliveryText, useOutcomeText } from '../../../outcomes/useOutcomeText';

export function DeliverySummary({ row, isSending }: { row: DeliveryDetail; isSending: boolean }) {
  const { t } = useTranslation();
  const text = useDeliveryText()(row as unknown as Delivery);
  const outcome = useOutcomeText();
  // The attempt itself knows more than the row: the answer's body and headers.
  const last = row.history.at(-1);
  const isAboutLast = last && !row.reason && explainAttempt(last).isGood === (row.status === 'succeeded');
  const said = isAboutLast && row.status !== 'pending' ? { ...text, ...outcome.attempt(last) } : text;
  const state = row.status as DeliveryState;
  const level =
    state === 'succeeded' ? 'good' : state === 'failed' ? 'bad' : state === 'retrying' ? 'fair' : 'plain';
  return (
    <>
      <div className={`verdict verdict-${level}`}>
        <StateTag state={isSending ? 'sending' : state} />
        <div>
          <strong>{said?.title}</strong>
          {said?.advice && <p>{said.advice}</p>}
          {text?.next && <p>{text.next}</p>}
        </div>
      </div>
      <dl className="facts facts-wide">
        <div>
          <dt>{t('history.type')}</dt>
          <dd>
            <EventTypeText name={row.event_type} />
          </dd>
        </div>
        <div>
          <dt>{t('history.object')}</dt>
          <dd>
            <code className="break">{row.object_id}</code>
          </dd>
        </div>
        <div>
          <dt>{t('history.created')}</dt>
          <dd>
            {exactTime(row.created_at)}{' '}
            <span className="soft">
              (<TimeText at={row.created_at} />)
            </span>
          </dd>
        </div>
        {row.status === 'retrying' && row.next_attempt_at && (
          <div>
            <dt>{t('history.next')}</dt>
            <dd>
              {exactTime(row.next_attempt_at)}{' '}
              <span className="soft">
                (<TimeText at={row.next_attempt_at} />)
              </span>
            </dd>
          </div>
        )}
        {row.url && (
          <div className="facts-full">
            <dt>{t('history.webhook')}</dt>
            <dd>
              <code className="break">{row.url}</code>
            </dd>
          </div>
        )}
        <div className="facts-full">
          <dt>webhook-id</dt>
          <dd>
            <code className="break">{row.event_id}</code> <CopyButton type="text" text={row.event_id} />
          </dd>
        </div>
      </dl>
    </>
  );
}
