// API keys, members and the audit log.
import { api, unwrap } from './client';
import type { AuditEntry, Key, KeyScope, Member, Role } from './types';

/** `null` stands for the whole platform. */
export type KeyPlace = string | null;

export const keysKey = (store: KeyPlace) => ['keys', store] as const;

export async function listKeys(store: KeyPlace, signal?: AbortSignal): Promise<Key[]> {
  const page = store
    ? await unwrap(api.GET('/api/v1/stores/{store}/keys', { params: { path: { store } }, signal }))
    : await unwrap(api.GET('/api/v1/keys', { signal }));
  return page.data as Key[];
}

export interface NewKey {
  name: string;
  scopes: KeyScope[];
  expires_at?: string | null;
}

export const createKey = (store: KeyPlace, body: NewKey) =>
  store
    ? unwrap(api.POST('/api/v1/stores/{store}/keys', { params: { path: { store } }, body }))
    : unwrap(api.POST('/api/v1/keys', { body }));

export const deleteKey = (store: KeyPlace, id: string) =>
  store
    ? unwrap<unknown>(api.DELETE('/api/v1/stores/{store}/keys/{id}', { params: { path: { store, id } } }))
    : unwrap<unknown>(api.DELETE('/api/v1/keys/{id}', { params: { path: { id } } }));

export const membersKey = ['members'] as const;

export const listMembers = async (signal?: AbortSignal) =>
  (await unwrap(api.GET('/api/v1/members', { signal }))).data as Member[];

export interface NewMember {
  email: string;
  role: Role;
  stores: string[];
  password: string;
}

export const createMember = (body: NewMember) => unwrap<Member>(api.POST('/api/v1/members', { body }));

export const changeMember = (id: string, body: Partial<Omit<NewMember, 'email'>>) =>
  unwrap<Member>(api.PATCH('/api/v1/members/{id}', { params: { path: { id } }, body }));

export const deleteMember = (id: string) =>
  unwrap<unknown>(api.DELETE('/api/v1/members/{id}', { params: { path: { id } } }));

export async function listAudit(store: string | undefined, cursor: string | undefined, signal?: AbortSignal) {
  const page = await unwrap(
    api.GET('/api/v1/audit-log', { params: { query: { store_id: store, cursor, limit: 50 } }, signal }),
  );
  return { data: page.data as AuditEntry[], next_cursor: page.next_cursor ?? null };
}
