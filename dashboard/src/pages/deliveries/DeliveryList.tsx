// The rows with what stands around them: new ones that wait, the columns, the pages, nothing at all.

import { Button, Grid } from 'antd';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useWebhooks } from '../../api/webhooks';
import { ArrowUpOutlined, InboxOutlined, SearchOutlined } from '../../components/icons';
import { number } from '../../components/numbers';
import { EmptyState, ErrorState, LoadingState } from '../../components/States';
import { ColumnPicker } from './ColumnPicker';
import { DeliveryCards } from './DeliveryCards';
import { DeliveryTable } from './DeliveryTable';
import { type Filters, isFiltered } from './filters';
import { Pager, type Paging } from './Pager';
import { useColumns } from './useColumns';
import { useDeliveries, useDeliveryCount } from './useDeliveries';
import { useHold } from './useHold';
import type { Resend } from './useResend';
import { useVisibleRows } from './useVisibleRows';

interface Props {
  store: string;
  filters: Filters;
  paging: Paging;
  resend: Resend;
  isPopupOpen: boolean;
  onOpen: (id: string) => void;
  onClear: () => void;
}

export function DeliveryList({ store, filters, paging, resend, isPopupOpen, onOpen, onClear }: Props) {
  const { t } = useTranslation();
  const list = useRef<HTMLDivElement>(null);
  const isWide = Grid.useBreakpoint().xl ?? true;
  const page = useDeliveries(store, filters, paging.limit, paging.cursor);
  const total = useDeliveryCount(store, filters);
  const [columns, setColumns] = useColumns();
  const isHeld = useHold(list, isPopupOpen);
  const { rows, hidden, showAll } = useVisibleRows(page.data?.data ?? [], isHeld);
  const offset = (paging.page - 1) * paging.limit;

  return (
    <div ref={list} className={page.isPlaceholderData ? 'list is-stale' : 'list'} aria-busy={page.isFetching}>
      {hidden > 0 && (
        <div className="new-rows" role="status">
          <Button
            type="primary"
            shape="round"
            icon={<ArrowUpOutlined />}
            onClick={() => {
              showAll();
              window.scrollTo({ top: 0, behavior: 'smooth' });
            }}
          >
            {t('deliveries.newRows', { count: hidden })}
          </Button>
        </div>
      )}
      {page.isPending && <LoadingState rows={8} />}
      {page.error && !page.data && <ErrorState error={page.error} onRetry={() => page.refetch()} />}
      {page.data && rows.length === 0 && <Nothing store={store} filters={filters} onClear={onClear} />}
      {rows.length > 0 && (
        <>
          {isWide && (
            <div className="list-tools">
              <span className="soft">
                {total &&
                  t('deliveries.total', { count: total.total }).replace(
                    String(total.total),
                    number(total.total),
                  )}
                {total?.is_capped && '+'}
              </span>
              <ColumnPicker value={columns} onChange={setColumns} />
            </div>
          )}
          {isWide ? (
            <DeliveryTable rows={rows} offset={offset} columns={columns} resend={resend} onOpen={onOpen} />
          ) : (
            <DeliveryCards rows={rows} offset={offset} resend={resend} onOpen={onOpen} />
          )}
          <Pager paging={paging} shown={rows.length} next={page.data?.next_cursor ?? null} total={total} />
        </>
      )}
    </div>
  );
}

function Nothing({ store, filters, onClear }: { store: string; filters: Filters; onClear: () => void }) {
  const { t } = useTranslation();
  const webhooks = useWebhooks(store);
  if (isFiltered(filters)) {
    return (
      <EmptyState
        icon={<SearchOutlined />}
        title={t('deliveries.noMatchTitle')}
        text={t('deliveries.noMatchText')}
      >
        <Button onClick={onClear}>{t('deliveries.filters.clear')}</Button>
      </EmptyState>
    );
  }
  const hasWebhook = (webhooks.data?.length ?? 1) > 0;
  return (
    <EmptyState
      icon={<InboxOutlined />}
      title={t('deliveries.emptyTitle')}
      text={hasWebhook ? t('deliveries.emptyText') : t('deliveries.emptyNoWebhook')}
    >
      {!hasWebhook && (
        <Link className="button-link" to="../webhooks?add">
          {t('webhooks.add')}
        </Link>
      )}
    </EmptyState>
  );
}
