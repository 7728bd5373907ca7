// Who looks at the pages, and how they come and go.
import { api, unwrap } from './client';
import { actAsPortal } from './portal';
import type { Session } from './types';

export const sessionKey = ['session'] as const;

export const getSession = () => unwrap<Session>(api.GET('/api/v1/session'));

export const signIn = (email: string, password: string) =>
  begun(unwrap<Session>(api.POST('/api/v1/session', { body: { email, password } })));

export const signInByLink = (token: string) =>
  begun(unwrap<Session>(api.POST('/api/v1/session/link', { body: { token } })));

/** The tab acts as the session that has just begun. */
async function begun(answer: Promise<Session>): Promise<Session> {
  const session = await answer;
  actAsPortal(session.kind === 'portal');
  return session;
}

export const signOut = () => unwrap<unknown>(api.DELETE('/api/v1/session'));

export const changeEmail = (email: string) =>
  unwrap<Session>(api.PUT('/api/v1/session/email', { body: { email } }));

export const changePassword = (current: string | undefined, next: string) =>
  unwrap<unknown>(
    api.PUT('/api/v1/session/password', { body: { current_password: current, new_password: next } }),
  );
