// The popup's fields, and how they become what the API takes.
import type { NewWebhook, Webhook, WebhookChange } from '../../api/types';

export interface WebhookFields {
  url: string;
  events: string[];
  headers: { key: string; value: string }[];
  /** x of the document: minutes. `null` here and in the next two: as the server says. */
  retry_minutes: number | null;
  max_attempts: number | null;
  timeout_seconds: number | null;
  /** Seconds before each further attempt, where they stand instead of count and interval. */
  schedule: number[] | null;
  description: string;
  enabled: boolean;
}

export const NEW: WebhookFields = {
  url: '',
  events: [],
  headers: [],
  retry_minutes: null,
  max_attempts: null,
  timeout_seconds: null,
  schedule: null,
  description: '',
  enabled: true,
};

export const minutesOf = (seconds: number) => Math.round((seconds / 60) * 100) / 100;
export const secondsOf = (minutes: number) => Math.max(1, Math.round(minutes * 60));

export function fieldsOf(webhook: Webhook): WebhookFields {
  const own = (name: Webhook['own_settings'][number]) => webhook.own_settings.includes(name);
  const interval = webhook.retry_interval_seconds;
  return {
    url: webhook.url,
    events: webhook.events,
    headers: webhook.headers.map(({ key, value }) => ({ key, value })),
    retry_minutes: own('retry_interval_seconds') && interval !== null ? minutesOf(interval) : null,
    max_attempts: own('max_attempts') ? webhook.max_attempts : null,
    timeout_seconds: own('timeout_seconds') ? webhook.timeout_seconds : null,
    schedule: own('retry_schedule_seconds') ? webhook.retry_schedule_seconds : null,
    description: webhook.description,
    enabled: webhook.enabled,
  };
}

const interval = ({ retry_minutes: minutes }: WebhookFields) =>
  minutes === null ? null : secondsOf(minutes);

/** What is left to the server is not named, so that it follows when the server's settings change. */
export function toNew(fields: WebhookFields): NewWebhook {
  const { url, events, headers, description, enabled, max_attempts, timeout_seconds } = fields;
  const made: NewWebhook = { url, events, headers, description, enabled };
  const retry_interval_seconds = interval(fields);
  for (const [name, value] of Object.entries({ max_attempts, retry_interval_seconds, timeout_seconds })) {
    if (value !== null) Object.assign(made, { [name]: value });
  }
  return made;
}

/**
 * Only what differs, so that two people who change different things do not undo each other's work. `null` goes
 * back to the server's setting.
 */
export function toChange(fields: WebhookFields, before: WebhookFields): WebhookChange {
  const change: WebhookChange = {};
  const differs = (name: keyof WebhookFields) =>
    JSON.stringify(fields[name]) !== JSON.stringify(before[name]);
  const asTheyAre = [
    'url',
    'events',
    'headers',
    'description',
    'enabled',
    'max_attempts',
    'timeout_seconds',
  ] as const;
  for (const name of asTheyAre) {
    if (differs(name)) Object.assign(change, { [name]: fields[name] });
  }
  if (differs('retry_minutes')) change.retry_interval_seconds = interval(fields);
  // A count and an interval take the place of a schedule, be they the server's.
  if (before.schedule !== null && fields.schedule === null) change.retry_schedule_seconds = null;
  return change;
}
