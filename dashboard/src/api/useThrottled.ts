// Does something when it is asked to, but not more often than this; the last request is never lost.
import { useEffect, useEffectEvent, useRef } from 'react';

export function useThrottled(act: () => void, ms: number): () => void {
  const latest = useEffectEvent(act);
  const request = useRef<(() => void) | null>(null);
  useEffect(() => {
    let last = Date.now();
    let timer: number | undefined;
    request.current = () => {
      timer ??= window.setTimeout(
        () => {
          timer = undefined;
          last = Date.now();
          latest();
        },
        Math.max(0, last + ms - Date.now()),
      );
    };
    return () => window.clearTimeout(timer);
  }, [ms]);
  return () => request.current?.();
}
