// Stores, their event types and overview.
import { useQuery } from '@tanstack/react-query';
import { api, unwrap } from './client';
import type { EventType, Overview, Store } from './types';

export const storesKey = ['stores'] as const;

async function allStores(signal: AbortSignal): Promise<Store[]> {
  const stores: Store[] = [];
  let cursor: string | undefined;
  // A platform with more stores than this uses its own admin and portal links.
  for (let page = 0; page < 10; page += 1) {
    const answer = await unwrap(
      api.GET('/api/v1/stores', { params: { query: { limit: 200, cursor } }, signal }),
    );
    stores.push(...(answer.data as Store[]));
    if (!answer.next_cursor) break;
    cursor = answer.next_cursor;
  }
  return stores;
}

export function useStores() {
  return useQuery({ queryKey: storesKey, queryFn: ({ signal }) => allStores(signal), staleTime: 60_000 });
}

export const createStore = (id: string | undefined, name: string) =>
  unwrap<Store>(api.POST('/api/v1/stores', { body: id ? { id, name } : { name } }));

export function useEventTypes() {
  return useQuery({
    queryKey: ['event-types'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/event-types', { signal })),
    select: (page) => page.data as EventType[],
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export const overviewKey = (store: string) => ['store', store, 'overview'] as const;

export const getOverview = (store: string, hours: number, signal?: AbortSignal) =>
  unwrap<Overview>(
    api.GET('/api/v1/stores/{store}/overview', { params: { path: { store }, query: { hours } }, signal }),
  );

export const createPortalLink = (store: string, valid_minutes: number, role: 'member' | 'viewer') =>
  unwrap(
    api.POST('/api/v1/stores/{store}/portal-links', {
      params: { path: { store } },
      body: { valid_minutes, role },
    }),
  );
