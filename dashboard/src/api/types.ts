// The API's shapes under the names that the pages use.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Session = Schemas['Session'];
export type Role = Schemas['SessionUser']['role'];
export type Store = Schemas['Store'];
export type Webhook = Schemas['Webhook'];
export type WebhookChange = Schemas['WebhookChange'];
export type NewWebhook = Schemas['NewWebhook'];
export type Defaults = Schemas['Defaults'];
export type WebhookSecret = Schemas['WebhookSecret'];
export type EventType = Schemas['EventType'];
export type Delivery = Schemas['Delivery'];
export type DeliveryWithHistory = Schemas['DeliveryWithHistory'];
export type Attempt = Schemas['Attempt'];
export type AttemptOutcome = Attempt['outcome'];
export type Header = Schemas['HeaderView'];
export type Overview = Schemas['Overview'];
export type OverviewPoint = Schemas['OverviewStep'];
export type FailingWebhook = Schemas['FailingWebhook'];
export type ResendJob = Schemas['ResendJob'];
export type Inbox = Schemas['Inbox'];
export type InboxAnswer = Inbox['answer'];
export type InboxRequest = Schemas['InboxRequest'];
export type Key = Schemas['Key'];
export type KeyScope = Key['scopes'][number];
export type Member = Schemas['Member'];
export type AuditEntry = Schemas['AuditEntry'];

export type DeliveryState = Schemas['DeliveryStatus'];
export const deliveryStates: DeliveryState[] = ['succeeded', 'retrying', 'failed', 'pending', 'skipped'];
