// What stands around the pages: nobody without a session, no page without its store.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Button } from 'antd';
import { Suspense, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, Outlet, useLocation, useParams } from 'react-router';
import { onSignedOut } from '../api/client';
import { LiveProvider } from '../api/live';
import { ApiError } from '../api/problem';
import { getSession, sessionKey } from '../api/session';
import { useStores } from '../api/stores';
import { ShopOutlined } from '../components/icons';
import { CrashGuard, EmptyState, ErrorState, LoadingState } from '../components/States';
import { AddStore } from './AddStore';
import { recall, remember } from './memory';
import { NotFound } from './NotFound';
import { Shell } from './Shell';
import { SessionContext, useMay, useSession } from './session';

const LAST_STORE = 'bocau.store';

export function SignedIn() {
  const queries = useQueryClient();
  const place = useLocation();
  const session = useQuery({ queryKey: sessionKey, queryFn: getSession, staleTime: 60_000 });
  useEffect(() => onSignedOut(() => void queries.invalidateQueries({ queryKey: sessionKey })), [queries]);

  const isOut = session.error instanceof ApiError && session.error.status === 401;
  if (isOut) {
    const next = place.pathname + place.search;
    const ended = session.data !== undefined;
    return (
      <Navigate
        to={next === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(next)}`}
        state={{ ended }}
        replace
      />
    );
  }
  if (session.data) {
    return (
      <SessionContext value={session.data}>
        <Outlet />
      </SessionContext>
    );
  }
  return (
    <main className="lone">
      {session.error ? (
        <ErrorState error={session.error} onRetry={() => session.refetch()} />
      ) : (
        <LoadingState />
      )}
    </main>
  );
}

/** `/`: on to the store that was open last. */
export function Home() {
  const session = useSession();
  const stores = useStores();
  if (session.store)
    return <Navigate to={`/stores/${encodeURIComponent(session.store.id)}/overview`} replace />;
  if (stores.data && stores.data.length > 0) {
    const last = stores.data.find((store) => store.id === recall(LAST_STORE)) ?? stores.data[0];
    return <Navigate to={`/stores/${encodeURIComponent(last?.id ?? '')}/overview`} replace />;
  }
  return (
    <Shell>
      {stores.error && <ErrorState error={stores.error} onRetry={() => stores.refetch()} />}
      {stores.isPending && <LoadingState />}
      {stores.data && <NoStore />}
    </Shell>
  );
}

function NoStore() {
  const { t } = useTranslation();
  const may = useMay();
  const [isOpen, setIsOpen] = useState(false);
  return (
    <EmptyState
      icon={<ShopOutlined />}
      title={t('shell.noStore.title')}
      text={may.administrate ? t('shell.noStore.textAdmin') : t('shell.noStore.text')}
    >
      {may.administrate && (
        <Button type="primary" onClick={() => setIsOpen(true)}>
          {t('shell.addStore')}
        </Button>
      )}
      <AddStore isOpen={isOpen} onClose={() => setIsOpen(false)} />
    </EmptyState>
  );
}

export function StoreFrame() {
  const { store = '' } = useParams();
  const place = useLocation();
  const stores = useStores();
  const isKnown = stores.data?.some(({ id }) => id === store) ?? true;
  useEffect(() => {
    if (isKnown) remember(LAST_STORE, store);
  }, [isKnown, store]);
  return (
    <LiveProvider store={store} key={store}>
      <Shell store={store}>
        {isKnown ? (
          <CrashGuard key={place.pathname}>
            <Suspense fallback={<LoadingState />}>
              <Outlet />
            </Suspense>
          </CrashGuard>
        ) : (
          <NotFound />
        )}
      </Shell>
    </LiveProvider>
  );
}
