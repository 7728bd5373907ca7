// The rows of one page of the report, kept fresh by the live stream.
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { countDeliveries, deliveriesKey, listDeliveries } from '../../api/deliveries';
import { POLL_MS, useLive, usePollInterval } from '../../api/live';
import { useEventTypes } from '../../api/stores';
import type { Delivery } from '../../api/types';
import { useThrottled } from '../../api/useThrottled';
import { type Filters, matches, toQuery } from './filters';
import { keepRows, type Page, withHeard } from './heard';

/** New rows that are heard of within this time are shown together: a busy store's would come one by one. */
const HEARD_MS = 250;

export function useDeliveries(store: string, filters: Filters, limit: number, cursor: string | undefined) {
  const queries = useQueryClient();
  const { data: types } = useEventTypes();
  const query = toQuery(filters);
  const key = [...deliveriesKey(store), 'list', query, limit, cursor ?? ''];
  const list = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => listDeliveries(store, { ...query, limit, cursor }, signal),
    placeholderData: keepPreviousData,
    // The query's own would compare rows by their place, and new ones move all of them.
    structuralSharing: (old, next) => keepRows(old as Page | undefined, next as Page),
    refetchInterval: usePollInterval(),
  });

  const groupOf = (name: string) => types?.find((type) => type.name === name)?.group;
  const add = (heard: Delivery[]) => {
    const page = queries.getQueryData<Page>(key);
    if (!page) return;
    const data = withHeard(page.data, heard, (row) => !cursor && matches(row, filters, groupOf));
    // The page grows instead of losing its end, which the next page's cursor stands on.
    if (data.length <= limit * 3) queries.setQueryData<Page>(key, { ...page, data });
    else void queries.invalidateQueries({ queryKey: key });
  };
  const waiting = useRef(new Map<string, Delivery>());
  const addWaiting = useThrottled(() => {
    add([...waiting.current.values()]);
    waiting.current.clear();
  }, HEARD_MS);
  useLive('delivery', (row) => {
    // What one looks at, and may be about to send again, is never older than what is known.
    if (queries.getQueryData<Page>(key)?.data.some(({ id }) => id === row.id)) return add([row]);
    waiting.current.set(row.id, row);
    addWaiting();
  });
  return list;
}

/** How many rows match; heard of new ones, it counts again, but not more often than pages may ask. */
export function useDeliveryCount(store: string, filters: Filters) {
  const queries = useQueryClient();
  const query = toQuery(filters);
  const key = [...deliveriesKey(store), 'count', query];
  const count = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => countDeliveries(store, query, signal),
    staleTime: POLL_MS,
    retry: false,
  });
  useLive(
    'delivery',
    useThrottled(() => void queries.invalidateQueries({ queryKey: key }), POLL_MS),
  );
  return count.data;
}
