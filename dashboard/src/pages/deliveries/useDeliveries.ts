// The rows of one page of the report, kept fresh by the live stream.
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { countDeliveries, deliveriesKey, listDeliveries } from '../../api/deliveries';
import { POLL_MS, useLive, usePollInterval } from '../../api/live';
import { useEventTypes } from '../../api/stores';
import type { Delivery } from '../../api/types';
import { useThrottled } from '../../api/useThrottled';
import { type Filters, matches, toQuery } from './filters';

interface Page {
  data: Delivery[];
  next_cursor: string | null;
}

export function useDeliveries(store: string, filters: Filters, limit: number, cursor: string | undefined) {
  const queries = useQueryClient();
  const { data: types } = useEventTypes();
  const query = toQuery(filters);
  const key = [...deliveriesKey(store), 'list', query, limit, cursor ?? ''];
  const list = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => listDeliveries(store, { ...query, limit, cursor }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: usePollInterval(),
  });

  useLive('delivery', (row) => {
    const page = queries.getQueryData<Page>(key);
    if (!page) return;
    const isHere = page.data.some(({ id }) => id === row.id);
    if (isHere) {
      queries.setQueryData<Page>(key, {
        ...page,
        data: page.data.map((old) => (old.id === row.id ? row : old)),
      });
      return;
    }
    const groupOf = (name: string) => types?.find((type) => type.name === name)?.group;
    const newest = page.data[0];
    const isNew =
      !newest ||
      row.created_at > newest.created_at ||
      (row.created_at === newest.created_at && row.id > newest.id);
    if (cursor || !isNew || !matches(row, filters, groupOf)) return;
    // The page grows instead of losing its end, which the next page's cursor stands on.
    if (page.data.length < limit * 3) queries.setQueryData<Page>(key, { ...page, data: [row, ...page.data] });
    else void queries.invalidateQueries({ queryKey: key });
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
