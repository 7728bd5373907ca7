// Webhooks: configuration, secret and test send.
import { useQuery } from '@tanstack/react-query';
import { api, unwrap } from './client';
import type { components } from './schema';
import type { Defaults, NewWebhook, Webhook, WebhookChange, WebhookSecret } from './types';

/** A store has at most 100 webhooks, so one page holds them all. */
const ALL = 200;

export const webhooksKey = (store: string) => ['store', store, 'webhooks'] as const;

export function useWebhooks(store: string) {
  return useQuery({
    queryKey: webhooksKey(store),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/stores/{store}/webhooks', {
          params: { path: { store }, query: { limit: ALL } },
          signal,
        }),
      ),
    select: (page) => page.data as Webhook[],
  });
}

/** What holds where a webhook sets nothing itself. */
export function useDefaults() {
  return useQuery({
    queryKey: ['defaults'],
    queryFn: ({ signal }) => unwrap<Defaults>(api.GET('/api/v1/defaults', { signal })),
    staleTime: 60_000,
  });
}

export const createWebhook = (store: string, body: NewWebhook) =>
  unwrap(api.POST('/api/v1/stores/{store}/webhooks', { params: { path: { store } }, body }));

export const changeWebhook = (store: string, id: string, body: WebhookChange) =>
  unwrap<Webhook>(
    api.PATCH('/api/v1/stores/{store}/webhooks/{id}', { params: { path: { store, id } }, body }),
  );

export const deleteWebhook = (store: string, id: string) =>
  unwrap<unknown>(api.DELETE('/api/v1/stores/{store}/webhooks/{id}', { params: { path: { store, id } } }));

export const getSecret = (store: string, id: string) =>
  unwrap<WebhookSecret>(
    api.GET('/api/v1/stores/{store}/webhooks/{id}/secret', { params: { path: { store, id } } }),
  );

/** `force` also where the secret before still signs, which ends that one at once. */
export const rotateSecret = (store: string, id: string, force: boolean) =>
  unwrap<WebhookSecret>(
    api.POST('/api/v1/stores/{store}/webhooks/{id}/secret/rotate', {
      params: { path: { store, id } },
      body: { force },
    }),
  );

type Schemas = components['schemas'];

/** The attempt, or only the delivery's id where it still waits for its turn. */
export const testWebhook = (store: string, id: string, type?: string) =>
  unwrap<Schemas['TestResult'] | Schemas['TestWaiting']>(
    api.POST('/api/v1/stores/{store}/webhooks/{id}/test', {
      params: { path: { store, id } },
      body: type ? { type } : {},
    }),
  );
