// The built-in test receiver.
import { api, unwrap } from './client';
import type { Inbox, InboxAnswer, InboxRequest } from './types';

export const inboxesKey = (store: string) => ['store', store, 'inboxes'] as const;

const at = (store: string, id: string) => ({ params: { path: { store, id } } });

export const listInboxes = async (store: string, signal?: AbortSignal) =>
  (await unwrap(api.GET('/api/v1/stores/{store}/inboxes', { params: { path: { store } }, signal })))
    .data as Inbox[];

export const createInbox = (store: string) =>
  unwrap<Inbox>(
    api.POST('/api/v1/stores/{store}/inboxes', { params: { path: { store } }, body: { name: '' } }),
  );

export const changeInbox = (store: string, id: string, answer: InboxAnswer) =>
  unwrap<Inbox>(api.PATCH('/api/v1/stores/{store}/inboxes/{id}', { ...at(store, id), body: { answer } }));

export const deleteInbox = (store: string, id: string) =>
  unwrap<unknown>(api.DELETE('/api/v1/stores/{store}/inboxes/{id}', at(store, id)));

export const listInboxRequests = async (store: string, id: string, signal?: AbortSignal) =>
  (await unwrap(api.GET('/api/v1/stores/{store}/inboxes/{id}/requests', { ...at(store, id), signal })))
    .data as InboxRequest[];
