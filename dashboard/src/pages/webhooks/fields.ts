// The popup's fields, and how they become what the API takes.
import type { NewWebhook, Webhook, WebhookChange } from '../../api/types';

export interface WebhookFields {
  url: string;
  events: string[];
  headers: { key: string; value: string }[];
  /** x of the document: minutes, where no schedule stands instead. */
  retry_minutes: number | null;
  max_attempts: number | null;
  timeout_seconds: number;
  description: string;
  enabled: boolean;
}

/** The document: at most three automatic attempts; five minutes between them. */
export const NEW: WebhookFields = {
  url: '',
  events: [],
  headers: [],
  retry_minutes: 5,
  max_attempts: 3,
  timeout_seconds: 10,
  description: '',
  enabled: true,
};

export const minutesOf = (seconds: number) => Math.round((seconds / 60) * 100) / 100;
export const secondsOf = (minutes: number) => Math.max(1, Math.round(minutes * 60));

export function fieldsOf(webhook: Webhook): WebhookFields {
  const interval = webhook.retry_interval_seconds ?? null;
  return {
    url: webhook.url,
    events: webhook.events,
    headers: webhook.headers.map(({ key, value }) => ({ key, value })),
    retry_minutes: interval === null ? null : minutesOf(interval),
    max_attempts: webhook.retry_schedule_seconds ? null : webhook.max_attempts,
    timeout_seconds: webhook.timeout_seconds,
    description: webhook.description,
    enabled: webhook.enabled,
  };
}

export function toNew(fields: WebhookFields): NewWebhook {
  return {
    url: fields.url,
    events: fields.events,
    headers: fields.headers,
    description: fields.description,
    enabled: fields.enabled,
    max_attempts: fields.max_attempts,
    retry_interval_seconds: fields.retry_minutes === null ? null : secondsOf(fields.retry_minutes),
    timeout_seconds: fields.timeout_seconds,
  };
}

/** Only what differs, so that two people who change different things do not undo each other's work. */
export function toChange(fields: WebhookFields, before: WebhookFields): WebhookChange {
  const change: WebhookChange = {};
  const differs = (name: keyof WebhookFields) =>
    JSON.stringify(fields[name]) !== JSON.stringify(before[name]);
  for (const name of ['url', 'events', 'headers', 'description', 'enabled', 'timeout_seconds'] as const) {
    if (differs(name)) Object.assign(change, { [name]: fields[name] });
  }
  if (fields.retry_minutes !== null && differs('retry_minutes')) {
    change.retry_interval_seconds = secondsOf(fields.retry_minutes);
  }
  if (fields.max_attempts !== null && differs('max_attempts')) change.max_attempts = fields.max_attempts;
  // A count and an interval take the place of a schedule.
  if (before.retry_minutes === null && fields.retry_minutes !== null) change.retry_schedule_seconds = null;
  return change;
}
