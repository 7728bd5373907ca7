// What happens in the store while one looks: one stream of server-sent events for all pages. A hidden tab lets
// go of its connection; whoever comes back fetches anew.
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, use, useEffect, useEffectEvent, useState } from 'react';
import { isPortal } from './portal';
import { sessionKey } from './session';
import type { Delivery, ResendJob } from './types';

/** Without the stream, pages ask again in this time and never sooner. */
export const POLL_MS = 15_000;
const RETRY_MS = 15_000;

export type LiveState = 'connecting' | 'live' | 'offline';

interface LiveEvents {
  delivery: Delivery;
  resend: ResendJob;
}

class LiveBus extends EventTarget {
  send<K extends keyof LiveEvents>(name: K, value: LiveEvents[K]) {
    this.dispatchEvent(new CustomEvent(name, { detail: value }));
  }
}

const LiveContext = createContext<{ bus: LiveBus; state: LiveState }>({
  bus: new LiveBus(),
  state: 'offline',
});

export function LiveProvider({ store, children }: { store: string; children: ReactNode }) {
  const [bus] = useState(() => new LiveBus());
  const [state, setState] = useState<LiveState>('connecting');
  const queries = useQueryClient();

  useEffect(() => {
    let source: EventSource | null = null;
    let retry: number | undefined;

    const close = () => {
      window.clearTimeout(retry);
      source?.close();
      source = null;
    };
    const open = () => {
      close();
      const path = `/api/v1/stores/${encodeURIComponent(store)}/live`;
      // A stream carries no header of ours.
      const opened = new EventSource(isPortal() ? `${path}?portal=1` : path);
      source = opened;
      opened.onopen = () => {
        setState('live');
        // What happened before was not heard: between two connections, or between a page's first answer and the first.
        void queries.invalidateQueries({ queryKey: ['store', store] });
      };
      opened.onerror = () => {
        setState('offline');
        // The browser tries again by itself unless the answer was no stream.
        if (opened.readyState !== EventSource.CLOSED) return;
        retry = window.setTimeout(open, RETRY_MS);
        // It ends with the session: then there is nobody to try again for.
        const askedAt = queries.getQueryState(sessionKey)?.dataUpdatedAt ?? 0;
        if (Date.now() - askedAt >= POLL_MS) void queries.invalidateQueries({ queryKey: sessionKey });
      };
      opened.addEventListener('delivery', (event) => bus.send('delivery', JSON.parse(event.data)));
      opened.addEventListener('resend', (event) => bus.send('resend', JSON.parse(event.data)));
      // More has changed than is told one by one.
      opened.addEventListener(
        'refresh',
        () => void queries.invalidateQueries({ queryKey: ['store', store] }),
      );
    };
    const follow = () => (document.hidden ? close() : open());

    if (!document.hidden) open();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      close();
    };
  }, [store, bus, queries]);

  return <LiveContext value={{ bus, state }}>{children}</LiveContext>;
}

export function useLiveState(): LiveState {
  return use(LiveContext).state;
}

/** How often a query may ask again by itself. */
export function usePollInterval(): number | false {
  return useLiveState() === 'live' ? false : POLL_MS;
}

export function useLive<K extends keyof LiveEvents>(name: K, handle: (value: LiveEvents[K]) => void) {
  const { bus } = use(LiveContext);
  const latest = useEffectEvent(handle);
  useEffect(() => {
    const listener = (event: Event) => latest((event as CustomEvent<LiveEvents[K]>).detail);
    bus.addEventListener(name, listener);
    return () => bus.removeEventListener(name, listener);
  }, [bus, name]);
}
