// Tổng quan: how sending goes, and what needs a hand.
import { RocketOutlined } from '@ant-design/icons';
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { Segmented } from 'antd';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { POLL_MS, useLive } from '../../api/live';
import { getOverview, overviewKey } from '../../api/stores';
import { useWebhooks } from '../../api/webhooks';
import { useMay, useStoreId } from '../../app/session';
import { PageHead } from '../../components/PageHead';
import { EmptyState, ErrorState, LoadingState } from '../../components/States';
import { hourThere } from '../../components/time';
import { DeliveryChart } from './DeliveryChart';
import { FailingWebhooks } from './FailingWebhooks';
import { Figures } from './Figures';
import './overview.css';

const ranges = ['today', 'day', 'week'] as const;
type Range = (typeof ranges)[number];

/** Today is the hours since midnight there, the one that runs included. */
const hoursOf = (range: Range) => (range === 'week' ? 168 : range === 'day' ? 24 : hourThere(Date.now()) + 1);

const REFRESH_MS = 60_000;

export function OverviewPage() {
  const { t } = useTranslation();
  const store = useStoreId();
  const may = useMay();
  const queries = useQueryClient();
  const [search, setSearch] = useSearchParams();
  const range = ranges.find((name) => name === search.get('range')) ?? 'today';
  const key = [...overviewKey(store), range];
  const askedAt = useRef(0);
  const overview = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => {
      askedAt.current = Date.now();
      return getOverview(store, hoursOf(range), signal);
    },
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
  });
  useLive('delivery', () => {
    if (Date.now() - askedAt.current > POLL_MS) void queries.invalidateQueries({ queryKey: key });
  });
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
