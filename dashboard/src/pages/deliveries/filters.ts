// The report's filters: in the address by the API's own names, days as people pick them.
import type { DeliveryQuery } from '../../api/deliveries';
import { type Delivery, type DeliveryState, deliveryStates } from '../../api/types';
import { ZONE_OFFSET } from '../../components/time';

export interface Filters {
  type?: string;
  status?: DeliveryState;
  object_id?: string;
  webhook_id?: string;
  /** A day there, `2026-11-24`, from its first moment. */
  from?: string;
  /** A day there, to its last moment. */
  to?: string;
}

const NAMES = ['type', 'status', 'object_id', 'webhook_id', 'from', 'to'] as const;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export function readFilters(search: URLSearchParams): Filters {
  const filters: Filters = {};
  for (const name of NAMES) {
    const value = search.get(name)?.trim();
    if (!value) continue;
    if (name === 'status') filters.status = deliveryStates.find((state) => state === value);
    else if (name === 'from' || name === 'to') filters[name] = isDay(value) ? value : undefined;
    else filters[name] = value;
  }
  return filters;
}

/** The address of these filters, on the first page. */
export function writeFilters(filters: Filters, keep?: URLSearchParams): URLSearchParams {
  const search = new URLSearchParams();
  for (const name of NAMES) {
    const value = filters[name];
    if (value) search.set(name, value);
  }
  const limit = keep?.get('limit');
  if (limit) search.set('limit', limit);
  return search;
}

export const isFiltered = (filters: Filters) => NAMES.some((name) => filters[name]);

export function toQuery(filters: Filters): DeliveryQuery {
  const { from, to, ...rest } = filters;
  const query: DeliveryQuery = { ...rest };
  if (from) query.from = `${from}T00:00:00${ZONE_OFFSET}`;
  if (to) query.to = `${nextDay(to)}T00:00:00${ZONE_OFFSET}`;
  return query;
}

/** Whether a row that was heard of belongs to the list; `groupOf` knows the catalogue. */
export function matches(
  row: Delivery,
  filters: Filters,
  groupOf: (type: string) => string | undefined,
): boolean {
  const { type, status, object_id, webhook_id } = filters;
  const isOfType =
    !type ||
    row.event_type === type ||
    (type.endsWith('.*') && groupOf(row.event_type) === type.slice(0, -2));
  const { from, to } = toQuery(filters);
  const at = Date.parse(row.created_at);
  return (
    isOfType &&
    (!status || row.status === status) &&
    (!object_id || row.object_id === object_id) &&
    (!webhook_id || row.webhook_id === webhook_id) &&
    (!from || at >= Date.parse(from)) &&
    (!to || at < Date.parse(to))
  );
}

const isDay = (text: string) => DAY.test(text) && !Number.isNaN(Date.parse(text));

function nextDay(day: string): string {
  const next = new Date(`${day}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return next.toISOString().slice(0, 10);
}
