// The four numbers on top.
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Overview } from '../../api/types';
import { duration, number, percent } from '../../components/numbers';

export function Figures({ overview, isToday }: { overview: Overview; isToday: boolean }) {
  const { t } = useTranslation();
  const { deliveries, events, success_rate: rate, p95_ms: p95 } = overview;
  const total = Object.values(deliveries).reduce((sum, count) => sum + count, 0);
  const level =
    rate === null || rate === undefined ? '' : rate >= 0.99 ? 'good' : rate >= 0.9 ? 'fair' : 'poor';
  const waiting = deliveries.pending + deliveries.retrying;
  return (
    <dl className="figures">
      <Figure
        name={isToday ? t('overview.eventsToday') : t('overview.events')}
        value={number(events)}
        hint={t('overview.deliveries', { count: total }).replace(String(total), number(total))}
      />
      <Figure
        name={t('overview.successRate')}
        value={rate === null || rate === undefined ? t('shell.none') : percent(rate)}
        level={level}
        hint={
          level === ''
            ? t('overview.successNone')
            : t('overview.successHint', {
                succeeded: number(deliveries.succeeded),
                failed: number(deliveries.failed),
              })
        }
      />
      <Figure
        name={t('overview.p95')}
        value={p95 === null || p95 === undefined ? t('shell.none') : duration(p95)}
        hint={p95 === null || p95 === undefined ? t('overview.p95None') : t('overview.p95Hint')}
      />
      <Figure
        name={t('overview.waiting')}
        value={number(waiting)}
        hint={t('overview.waitingHint', {
          pending: number(deliveries.pending),
          retrying: number(deliveries.retrying),
        })}
      />
    </dl>
  );
}

interface FigureProps {
  name: string;
  value: string;
  hint: ReactNode;
  level?: string;
}

function Figure({ name, value, hint, level = '' }: FigureProps) {
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd className={`figure-value ${level ? `rate-${level}` : ''}`}>{value}</dd>
      <dd className="figure-hint">{hint}</dd>
    </div>
  );
}
