// Tổng quan: how sending goes, and what needs a hand.

import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { Segmented } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { POLL_MS, useLive } from '../../api/live';
import { getOverview, overviewKey } from '../../api/stores';
import { useThrottled } from '../../api/useThrottled';
import { useWebhooks } from '../../api/webhooks';
import { useMay, useStoreId } from '../../app/session';
import { RocketOutlined } from '../../components/icons';
import { PageHead } from '../../components/PageHead';
import { EmptyState, ErrorState, LoadingState } from '../../components/States';
import { hourThere } from '../../components/time';
import { DeliveryChart } from './DeliveryChart';
import { FailingWebhooks } from './FailingWebhooks';
import { Figures } from './Figures';
import './overview.css';

const ranges = ['today', 'day', 'week'] as const;
type Range = (typeof ranges)[number];

/** Days begin at midnight there: the hours since then, the one that runs included, and six days before. */
function hoursOf(range: Range): number {
  const today = hourThere(Date.now()) + 1;
  return range === 'today' ? today : range === 'day' ? 24 : 6 * 24 + today;
}

const REFRESH_MS = 60_000;

export function OverviewPage() {
  const { t } = useTranslation();
  const store = useStoreId();
  const may = useMay();
  const queries = useQueryClient();
  const [search, setSearch] = useSearchParams();
  const range = ranges.find((name) => name === search.get('range')) ?? 'today';
  const key = [...overviewKey(store), range];
  const overview = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => getOverview(store, hoursOf(range), signal),
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
  });
  useLive(
    'delivery',
    useThrottled(() => void queries.invalidateQueries({ queryKey: key }), POLL_MS),
  );
  const webhooks = useWebhooks(store);
  const isNew = webhooks.data?.length === 0 && overview.data?.events === 0;
  const data = overview.data;

  return (
    <>
      <PageHead title={t('overview.title')}>
        <Segmented<Range>
          aria-label={t('overview.rangeLabel')}
          value={range}
          onChange={(next) => setSearch(next === 'today' ? {} : { range: next }, { replace: true })}
          options={ranges.map((name) => ({ value: name, label: t(`overview.range.${name}`) }))}
        />
      </PageHead>
      {isNew && (
        <section className="card">
          <EmptyState
            icon={<RocketOutlined />}
            title={t('overview.emptyTitle')}
            text={t('overview.emptyText')}
          >
            {may.manage && (
              <>
                <Link className="button-link button-link-primary" to="../webhooks?add">
                  {t('overview.addWebhook')}
                </Link>
                <Link className="button-link" to="../inbox">
                  {t('overview.toInbox')}
                </Link>
              </>
            )}
          </EmptyState>
        </section>
      )}
      {overview.isPending && <LoadingState rows={8} />}
      {overview.error && !data && (
        <section className="card">
          <ErrorState error={overview.error} onRetry={() => overview.refetch()} />
        </section>
      )}
      {data && !isNew && (
        <div className={overview.isPlaceholderData ? 'is-stale' : ''}>
          <Figures overview={data} isToday={range === 'today'} />
          <section className="card card-body">
            <h2>{t('overview.chart')}</h2>
            <DeliveryChart overview={data} isDaily={range === 'week'} />
          </section>
          <FailingWebhooks failing={data.failing} />
        </div>
      )}
    </>
  );
}
