// Who is here and what they may do. What is hidden for a role is refused by the API as well.
import { createContext, use } from 'react';
import { useParams } from 'react-router';
import type { Role, Session } from '../api/types';

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error('useSession stands outside of SignedIn');
  return session;
}

export function useRole(): Role {
  const session = useSession();
  return session.user?.role ?? session.role ?? 'member';
}

export function useMay() {
  const role = useRole();
  return { manage: role !== 'viewer', administrate: role === 'admin' };
}

/** The store whose pages are open. */
export function useStoreId(): string {
  return useParams().store ?? '';
}
