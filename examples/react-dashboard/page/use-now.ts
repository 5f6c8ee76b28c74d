import { useEffect, useState } from 'react';

/** The clock of a client: what `retryAt` is measured by. */
const now = (): number => performance.timeOrigin + performance.now();

/** The time, so often. For what changes with it, and for what is looked at now and then. */
export function useNow(everyMs: number): number {
  const [time, setTime] = useState(now);
  useEffect(() => {
    const timer = setInterval(() => setTime(now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return time;
}
