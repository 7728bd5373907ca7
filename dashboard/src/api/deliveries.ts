// Deliveries: the report's rows, one row's history, resends.
import { api, problemOf, unwrap } from './client';
import { memberText } from './json-text';
import { isPortal, PORTAL_HEADER } from './portal';
import { ApiError } from './problem';
import type { Delivery, DeliveryState, DeliveryWithHistory, ResendJob } from './types';

/** A filter as the API takes it; the same for the list, the count, the export and the resend of all. */
export interface DeliveryQuery {
  type?: string;
  status?: DeliveryState;
  object_id?: string;
  webhook_id?: string;
  from?: string;
  to?: string;
}

export const deliveriesKey = (store: string) => ['store', store, 'deliveries'] as const;

export async function listDeliveries(
  store: string,
  query: DeliveryQuery & { limit: number; cursor?: string },
  signal?: AbortSignal,
) {
  const page = await unwrap(
    api.GET('/api/v1/stores/{store}/deliveries', { params: { path: { store }, query }, signal }),
  );
  return { data: page.data as Delivery[], next_cursor: page.next_cursor ?? null };
}

export const countDeliveries = (store: string, query: DeliveryQuery, signal?: AbortSignal) =>
  unwrap(api.GET('/api/v1/stores/{store}/deliveries/count', { params: { path: { store }, query }, signal }));

export interface DeliveryDetail extends Omit<DeliveryWithHistory, 'payload'> {
  /** The payload's own characters: numbers and order as they are sent. `null` where it is kept no more. */
  payloadText: string | null;
}

export async function getDelivery(store: string, id: string, signal?: AbortSignal): Promise<DeliveryDetail> {
  const text = await unwrap<string>(
    api.GET('/api/v1/stores/{store}/deliveries/{id}', {
      params: { path: { store, id } },
      parseAs: 'text',
      signal,
    }) as never,
  );
  const { payload, ...row } = JSON.parse(text) as DeliveryWithHistory;
  return { ...row, payloadText: payload === null ? null : memberText(text, 'payload') };
}

export const resendDelivery = (store: string, id: string) =>
  unwrap<Delivery>(
    api.POST('/api/v1/stores/{store}/deliveries/{id}/resend', { params: { path: { store, id } } }),
  );

export const resendsKey = (store: string) => ['store', store, 'resends'] as const;

export const countResends = (store: string, query: DeliveryQuery) =>
  unwrap<ResendJob>(
    api.POST('/api/v1/stores/{store}/resends', {
      params: { path: { store } },
      body: { ...query, dry_run: true },
    }),
  );

export const startResends = (store: string, query: DeliveryQuery) =>
  unwrap<ResendJob>(
    api.POST('/api/v1/stores/{store}/resends', {
      params: { path: { store } },
      body: { ...query, dry_run: false },
    }),
  );

export const listResends = (store: string, signal?: AbortSignal) =>
  unwrap(api.GET('/api/v1/stores/{store}/resends', { params: { path: { store } }, signal }));

export const stopResends = (store: string, id: string) =>
  unwrap<ResendJob>(api.DELETE('/api/v1/stores/{store}/resends/{id}', { params: { path: { store, id } } }));

/** The address of the CSV file of what the filter matches. */
export function csvHref(store: string, query: DeliveryQuery): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) params.set(name, value);
  const search = params.toString();
  return `/api/v1/stores/${encodeURIComponent(store)}/deliveries.csv${search ? `?${search}` : ''}`;
}

/** The file itself, its head in the page's language, which a plain link could not ask for. */
export async function fetchCsv(href: string, language: string): Promise<Blob> {
  const headers = new Headers({ 'Accept-Language': language });
  if (isPortal()) headers.set(PORTAL_HEADER, '1');
  const response = await fetch(href, { headers }).catch(() => {
    throw new ApiError(0, {});
  });
  if (!response.ok) throw problemOf(response, await response.json().catch(() => null));
  return response.blob();
}
