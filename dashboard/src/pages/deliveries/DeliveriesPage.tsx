// Sự kiện webhook: the report. Filters, page and the open history live in the address.
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate, useSearchParams } from 'react-router';
import { useStoreId } from '../../app/session';
import { PageHead } from '../../components/PageHead';
import { useSteady } from '../../components/useSteady';
import { BulkResend } from './BulkResend';
import { DeliveryList } from './DeliveryList';
import { ExportCsv } from './ExportCsv';
import { FilterBar } from './FilterBar';
import { type Filters, readFilters, writeFilters } from './filters';
import type { Paging } from './Pager';
import { ResendProgress } from './ResendProgress';
import { useResend } from './useResend';

const HistoryPopup = lazy(async () => ({ default: (await import('./history/HistoryPopup')).HistoryPopup }));

const LIMITS = [20, 50, 100];
const LIMIT_DEFAULT = 50;

export function DeliveriesPage() {
  const { t } = useTranslation();
  const store = useStoreId();
  const go = useNavigate();
  const place = useLocation();
  const [search] = useSearchParams();
  const filters = readFilters(search);
  const open = search.get('open');

  const goWith = (next: URLSearchParams, options: { replace?: boolean; state?: unknown } = {}) =>
    go({ search: next.toString() }, { preventScrollReset: true, ...options });
  const change = (next: Filters) => goWith(writeFilters(next, search), { replace: true });
  const setOpen = useSteady((id: string | null) => {
    const next = new URLSearchParams(search);
    if (id) next.set('open', id);
    else next.delete('open');
    goWith(next, { replace: id === null, state: place.state });
  });

  const asked = Number(search.get('limit'));
  const paging: Paging = {
    limit: LIMITS.includes(asked) ? asked : LIMIT_DEFAULT,
    limits: LIMITS,
    cursor: search.get('cursor') ?? undefined,
    page: Math.max(1, Number(search.get('page')) || 1),
    trail: Array.isArray(place.state?.trail) ? place.state.trail : null,
    go(cursor, page, trail) {
      const next = writeFilters(filters, search);
      if (cursor) {
        next.set('cursor', cursor);
        next.set('page', String(page));
      }
      goWith(next, { state: { trail } });
      window.scrollTo({ top: 0 });
    },
    setLimit(limit) {
      const next = writeFilters(filters);
      if (limit !== LIMIT_DEFAULT) next.set('limit', String(limit));
      goWith(next);
    },
  };
  const resend = useResend(store, setOpen);

  return (
    <>
      <PageHead title={t('deliveries.title')} intro={t('deliveries.intro')}>
        <ExportCsv store={store} filters={filters} />
        <BulkResend store={store} filters={filters} onFilter={change} />
      </PageHead>
      <ResendProgress store={store} />
      <section className="card">
        <FilterBar filters={filters} onChange={change} />
        <DeliveryList
          key={JSON.stringify([store, filters, paging.cursor, paging.limit])}
          store={store}
          filters={filters}
          paging={paging}
          resend={resend}
          isPopupOpen={open !== null}
          onOpen={setOpen}
          onClear={() => change({})}
        />
      </section>
      <Suspense fallback={null}>
        {open && (
          <HistoryPopup key={open} store={store} id={open} resend={resend} onClose={() => setOpen(null)} />
        )}
      </Suspense>
    </>
  );
}
