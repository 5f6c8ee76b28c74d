import { createIotClient, type IotClientOptions, IotError } from '../index.ts';
import { DEFAULT_BACKOFF } from '../protocol/backoff.ts';
import { DEFAULT_DRAIN } from '../protocol/drain.ts';
import { DemoDevice } from './device.ts';
import type { Times } from './narration.ts';
import { isFlawless, printSummary } from './summary.ts';
import { setting, type Terminal } from './terminal.ts';
import { Timeline } from './timeline.ts';

/** The defaults of the client. */
const TIMES: Times = { backoff: DEFAULT_BACKOFF, drainPerSecond: DEFAULT_DRAIN.perSecond };
const PUBLISH_EVERY_MS = 500;
const READINGS = 10;
const CONNECT_WITHIN_MS = 20_000;

/** Publishes to a real endpoint and reads it back; nobody cuts the line. @returns the exit code: 0 when all came back */
export async function runEndpointDemo(
  { client: options, topic }: { readonly client: IotClientOptions; readonly topic: string },
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  terminal.line();
  terminal.paragraph(
    `${options.clientId} publishes ${READINGS} numbered readings to ${options.endpoint}, and reads its own topic ` +
      `${topic}. It may take ${setting(CONNECT_WITHIN_MS)} to connect.`,
  );
  terminal.line();
  const client = createIotClient(options);
  const device = new DemoDevice(client, topic, new Timeline(terminal), TIMES);
  // The deadline says only that it took too long; what the last attempt met says what to mend.
  let lastReason: IotError | undefined;
  client.on('status', (status) => {
    if (status.state === 'backingOff') lastReason = status.reason;
  });
  try {
    await client.connect({ signal, timeoutMs: CONNECT_WITHIN_MS }).catch((error: unknown) => {
      throw IotError.is(error) && error.code === 'TIMEOUT' ? (lastReason ?? error) : error;
    });
    await device.subscribe(signal, CONNECT_WITHIN_MS);
    await device.publish(PUBLISH_EVERY_MS, signal, READINGS);
    await device.finish(signal);
  } finally {
    await client.close({ flushTimeoutMs: 500 });
  }
  printSummary(terminal, device.tally.report);
  return isFlawless(device.tally.report) ? 0 : 1;
}
