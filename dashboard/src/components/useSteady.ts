// One function for as long as the component lives, which does what the newest one would do: what is kept because of
// its properties stays kept.
import { useCallback, useLayoutEffect, useRef } from 'react';

export function useSteady<Args extends unknown[]>(act: (...args: Args) => void): (...args: Args) => void {
  const latest = useRef(act);
  useLayoutEffect(() => {
    latest.current = act;
  });
  return useCallback((...args: Args) => latest.current(...args), []);
}
