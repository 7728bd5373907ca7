// A moment, relative, with the exact time on hover and to screen readers.
import { Tooltip } from 'antd';
import { createContext, type ReactNode, use, useEffect, useState } from 'react';
import { exactTime, relativeTime } from './time';

const NowContext = createContext(Date.now());

/** One clock for all relative times on the page. */
export function NowProvider({ children }: { children: ReactNode }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 10_000);
    return () => window.clearInterval(timer);
  }, []);
  return <NowContext value={now}>{children}</NowContext>;
}

export function TimeText({ at }: { at: string }) {
  const now = use(NowContext);
  return (
    <Tooltip title={exactTime(at)}>
      <time dateTime={at} className="time">
        {relativeTime(at, Math.max(now, Date.now()))}
      </time>
    </Tooltip>
  );
}
