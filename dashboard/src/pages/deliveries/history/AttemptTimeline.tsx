// The attempts, the latest on top and open.

import { useTranslation } from 'react-i18next';
import type { DeliveryDetail } from '../../../api/deliveries';
import type { Attempt } from '../../../api/types';
import { BodyBlock } from '../../../components/CodeBlock';
import { CopyButton } from '../../../components/CopyButton';
import { HeaderTable } from '../../../components/HeaderTable';
import { CheckOutlined, CloseOutlined, ExclamationOutlined } from '../../../components/icons';
import { duration } from '../../../components/numbers';
import { TimeText } from '../../../components/TimeText';
import { exactTime } from '../../../components/time';
import { useOutcomeText } from '../../../outcomes/useOutcomeText';
import { toCurl } from './curl';

export function AttemptTimeline({ row }: { row: DeliveryDetail }) {
  const { t } = useTranslation();
  const attempts = [...row.history].reverse();
  return (
    <>
      <h3 className="popup-heading">{t('history.timeline')}</h3>
      {attempts.length === 0 && <p className="soft">{t('history.noneTitle')}</p>}
      <ol className="timeline" reversed>
        {attempts.map((attempt, index) => (
          <AttemptItem key={attempt.number} attempt={attempt} row={row} isOpen={index === 0} />
        ))}
      </ol>
    </>
  );
}

interface ItemProps {
  attempt: Attempt;
  row: DeliveryDetail;
  isOpen: boolean;
}

function AttemptItem({ attempt, row, isOpen }: ItemProps) {
  const { t } = useTranslation();
  const text = useOutcomeText().attempt(attempt);
  const trigger = attempt.trigger === 'manual' || attempt.trigger === 'test' ? attempt.trigger : 'auto';
  const level = text.isGood ? 'good' : attempt.outcome === 'interrupted' ? 'fair' : 'bad';
  return (
    <li className={`attempt attempt-${level}`}>
      <span className="attempt-dot" aria-hidden>
        {level === 'good' ? <CheckOutlined /> : level === 'bad' ? <CloseOutlined /> : <ExclamationOutlined />}
      </span>
      <details open={isOpen}>
        <summary>
          <span className="attempt-head">
            <strong>{t('history.attempt', { number: attempt.number })}</strong>
            <span className={`chip chip-${trigger}`}>{t(`history.trigger.${trigger}`)}</span>
            <span className="attempt-time">
              {exactTime(attempt.started_at)} · <TimeText at={attempt.started_at} /> ·{' '}
              {duration(attempt.duration_ms)}
            </span>
          </span>
          <span className="attempt-title">{text.title}</span>
        </summary>
        {text.advice && <p className="attempt-advice">{text.advice}</p>}
        {attempt.error && (
          <p className="technical">
            <span className="soft">{t('history.technical')}:</span> {attempt.error}
          </p>
        )}
        <ResponsePart attempt={attempt} />
        <RequestPart attempt={attempt} row={row} />
      </details>
    </li>
  );
}

function ResponsePart({ attempt }: { attempt: Attempt }) {
  const { t } = useTranslation();
  if (attempt.status_code === null) return <p className="soft">{t('history.noResponse')}</p>;
  return (
    <section className="exchange">
      <h4>
        {t('history.response')} <code>HTTP {attempt.status_code}</code>
      </h4>
      {attempt.response_headers.length > 0 && (
        <details className="headers">
          <summary>
            {t('history.headers')} ({attempt.response_headers.length})
          </summary>
          <HeaderTable headers={attempt.response_headers} label={t('history.response')} />
        </details>
      )}
      {attempt.response_body ? (
        <BodyBlock text={attempt.response_body} label={t('history.body')} maxHeight={260} />
      ) : (
        <p className="soft">{t('history.emptyBody')}</p>
      )}
      {attempt.response_truncated && <p className="soft">{t('history.truncated')}</p>}
    </section>
  );
}

function RequestPart({ attempt, row }: { attempt: Attempt; row: DeliveryDetail }) {
  const { t } = useTranslation();
  const { url, payloadText } = row;
  const isMasked = attempt.request_headers.some(({ value }) => value.includes('•'));
  return (
    <section className="exchange">
      <h4>
        {t('history.request')}
        {url && payloadText !== null && (
          <CopyButton
            label={t('history.curl')}
            text={() => toCurl(url, attempt.request_headers, payloadText)}
          />
        )}
      </h4>
      {isMasked && <p className="soft">{t('history.curlMasked')}</p>}
      <details className="headers">
        <summary>
          {t('history.headers')} ({attempt.request_headers.length})
        </summary>
        <HeaderTable headers={attempt.request_headers} label={t('history.request')} />
      </details>
      {payloadText !== null && (
        <details className="headers">
          <summary>{t('history.body')}</summary>
          <BodyBlock text={payloadText} label={t('history.body')} maxHeight={260} />
        </details>
      )}
    </section>
  );
}
