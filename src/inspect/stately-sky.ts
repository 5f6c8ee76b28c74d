import { systemClock } from '../protocol/clock.ts';
import type { OpenOutlet } from './stately-inspector.ts';
import { type LineSocket, StatelyLine } from './stately-line.ts';
import type { StatelySkyOptions } from './stately-options.ts';

/** Both as in `createSkyInspector` of `@statelyai/inspect` 0.7.2. */
const RELAY = 'wss://stately-sky-beta.mellson.partykit.dev/party';
const VIEWER = 'https://stately.ai/registry/inspect';

/**
 * Speaks to Stately's relay as `createSkyInspector` does, which cannot be closed: its socket would keep the process alive for ever. It would
 * print the address of the session too, which is all that somebody needs to see it.
 */
export function skyOutlet({ apiKey }: StatelySkyOptions, open: (url: string) => LineSocket): OpenOutlet {
  const session = crypto.randomUUID();
  const address = `${RELAY}/inspect-${session}?_pk=${crypto.randomUUID()}`;
  return (replay) =>
    new StatelyLine({
      clock: systemClock,
      replay,
      open: () => open(address),
      url: `${VIEWER}/${session}`,
      wrapped: (message) => skyMessage(message, apiKey),
    });
}

/** As superjson writes what is plain JSON already. */
function skyMessage(message: string, apiKey: string | undefined): string {
  if (apiKey === undefined) return `{"json":${message}}`;
  return JSON.stringify({ json: { apiKey, ...(JSON.parse(message) as object) } });
}
