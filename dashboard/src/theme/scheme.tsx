// Light or dark: what the person chose, else what their device says.
import { createContext, type ReactNode, use, useEffect, useMemo, useState } from 'react';
import { recall, remember } from '../app/memory';
import { paint, type Scheme } from './tokens';

const KEY = 'bocau.theme';
const device = window.matchMedia('(prefers-color-scheme: dark)');

function initial(): Scheme {
  const chosen = recall(KEY);
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return device.matches ? 'dark' : 'light';
}

const SchemeContext = createContext<{ scheme: Scheme; toggle: () => void } | null>(null);

export function SchemeProvider({ children }: { children: ReactNode }) {
  const [scheme, setScheme] = useState(initial);
  useEffect(() => paint(scheme), [scheme]);
  useEffect(() => {
    const follow = () => !recall(KEY) && setScheme(initial());
    device.addEventListener('change', follow);
    return () => device.removeEventListener('change', follow);
  }, []);
  const value = useMemo(() => {
    const toggle = () => {
      const next = scheme === 'dark' ? 'light' : 'dark';
      remember(KEY, next);
      setScheme(next);
    };
    return { scheme, toggle };
  }, [scheme]);
  return <SchemeContext value={value}>{children}</SchemeContext>;
}

export function useScheme() {
  const value = use(SchemeContext);
  if (!value) throw new Error('useScheme stands outside of SchemeProvider');
  return value;
}

/** Before the first frame, so that a dark page does not flash. */
export function paintEarly() {
  paint(initial());
}
