import { setTimeout as sleep } from 'node:timers/promises';

import { createIotClient, type IotClient, IotError } from '../index.ts';
import { type Inspector, serveInspector } from '../inspect/index.ts';
import { type LocalIotCore, startLocalIotCore } from '../local/index.ts';
import { DEFAULT_BACKOFF } from '../protocol/backoff.ts';
import { DEFAULT_DRAIN } from '../protocol/drain.ts';
import { DemoDevice } from './device.ts';
import type { Times } from './narration.ts';
import { tellShadowScene } from './shadow-scene.ts';
import { isFlawless, printSummary, type Story, type WayBack } from './summary.ts';
import { setting, type Terminal } from './terminal.ts';
import { Timeline } from './timeline.ts';

/** Shorter than the defaults, so that the whole story takes some twelve seconds. */
const TIMES: Times = {
  backoff: { ...DEFAULT_BACKOFF, baseMs: 250, maxMs: 2_000, stableMs: 3_000 },
  drainPerSecond: 4,
};
const PUBLISH_EVERY_MS = 700;
const READINGS_BEFORE_THE_CUT = 3;
const AWAY_MS = 4_000;
/** For whoever has to open the page first. */
const BEFORE_THE_STORY_MS = 5_000;
/** After the story: for those who play with the line. */
const THEN_PUBLISH_EVERY_MS = 2_000;
/** A way back that takes longer is a fault. */
const LIMIT_MS = 25_000;

/** Which story is told. */
interface LocalStory {
  readonly clientId: string;
  readonly topic: string;
  /** The port of a live page, 0 for any; undefined for none. */
  readonly inspectPort: number | undefined;
}

/** Runs the story on a local core. @returns the exit code: 0 when nothing was lost and all came in order */
export async function runLocalDemo(
  { clientId, topic, inspectPort }: LocalStory,
  terminal: Terminal,
  interrupt: AbortSignal,
): Promise<number> {
  introduce(terminal);
  const timeline = new Timeline(terminal);
  const core = await startLocalIotCore({ onWarning: ({ message }) => timeline.event(`! ${message}`) });
  try {
    timeline.world('broker', `a local AWS IoT Core listens on ${core.endpoint}:${core.port}`);
    const client = createIotClient({
      ...core.deviceOptions(clientId),
      reconnect: TIMES.backoff,
      offlineQueue: { drain: { perSecond: TIMES.drainPerSecond } },
    });
    const device = new DemoDevice(client, topic, timeline, TIMES);
    const cast = { client, core, device, timeline };
    const story =
      inspectPort === undefined
        ? await tell(cast, interrupt)
        : await tellOnPage(cast, inspectPort, interrupt);
    printSummary(terminal, device.tally.report, story);
    if (!isFlawless(device.tally.report, story.shadow)) return 1;
  } finally {
    await core.stop();
  }
  terminal.line();
  terminal.line('  With your own AWS account:');
  // Whoever installed the package has no `npm start` of ours.
  const { npm_lifecycle_event: script } = process.env;
  const command = script === 'start' ? 'npm start --' : 'npx aws-iot-machines demo';
  terminal.line(`    ${command} --endpoint <host> --cert <path> --key <path>`);
  return 0;
}

interface Cast {
  readonly client: IotClient;
  readonly core: LocalIotCore;
  readonly device: DemoDevice;
  readonly timeline: Timeline;
}

/** The story with a page beside it, that goes on until somebody has seen enough. */
async function tellOnPage(cast: Cast, port: number, interrupt: AbortSignal): Promise<Story> {
  const { client, core, timeline } = cast;
  // The documents of this story are no secret.
  const inspector: Inspector = await serveInspector(client, { port, core, payloads: 'truncated' });
  try {
    timeline.world('page', `watch its machines at ${inspector.url}`);
    timeline.event(`the story begins in ${setting(BEFORE_THE_STORY_MS)}`);
    await sleep(BEFORE_THE_STORY_MS, undefined, { signal: interrupt });
    return await tell(cast, interrupt, async () => await goOn(cast, inspector, interrupt));
  } finally {
    await inspector.close();
  }
}

async function goOn({ device, timeline }: Cast, { url }: Inspector, interrupt: AbortSignal): Promise<void> {
  timeline.world('page', `the story is told, and the lamp goes on: break its line at ${url}`);
  timeline.event('Ctrl-C ends it');
  await device.publish(THEN_PUBLISH_EVERY_MS, interrupt);
  // Interrupted, it still waits for what is on its way, which has a bound of its own.
  await device.finish(new AbortController().signal);
}

/** @param then what follows the story, before the device closes */
async function tell(cast: Cast, interrupt: AbortSignal, then?: () => Promise<void>): Promise<Story> {
  const { client, device } = cast;
  const limit = AbortSignal.timeout(LIMIT_MS);
  const signal = AbortSignal.any([interrupt, limit]);
  const enough = new AbortController();
  try {
    await client.connect({ signal });
    await device.subscribe(signal, LIMIT_MS);
    const publishing = device.publish(PUBLISH_EVERY_MS, AbortSignal.any([signal, enough.signal]));
    await device.tally.whenArrived(signal, READINGS_BEFORE_THE_CUT);
    const wayBack = await comeBack(cast, signal);
    enough.abort();
    await publishing;
    await device.finish(interrupt);
    const shadow = await tellShadowScene(cast, interrupt);
    await then?.();
    return { wayBack, shadow };
  } catch (error) {
    if (!limit.aborted || interrupt.aborted) throw error;
    throw new IotError('TIMEOUT', `the device was not back within ${setting(LIMIT_MS)}`, { cause: error });
  } finally {
    enough.abort();
    await client.close({ flushTimeoutMs: 500 });
  }
}

async function comeBack({ client, core, device, timeline }: Cast, signal: AbortSignal): Promise<WayBack> {
  // Between two readings, so that none is on its way back from the broker when the line breaks.
  await sleep(PUBLISH_EVERY_MS / 2, undefined, { signal });
  timeline.world('broker', `cuts the line and goes away for ${setting(AWAY_MS)}`);
  const cut = performance.now();
  core.faults.stopListening();
  await core.faults.dropConnections();
  await sleep(AWAY_MS, undefined, { signal });
  await core.faults.listen();
  const back = performance.now();
  timeline.world('broker', 'is back');
  await client.when('live', { signal });
  const live = performance.now();
  await device.whenStable(signal);
  const connecting = device.lastEntered('connecting');
  const draining = device.lastEntered('draining');
  return {
    brokerAway: back - cut,
    waiting: connecting - back,
    connecting: draining - connecting,
    draining: live - draining,
  };
}

function introduce(terminal: Terminal): void {
  const { baseMs, maxMs, stableMs } = TIMES.backoff;
  const usual = DEFAULT_BACKOFF;
  terminal.line();
  terminal.line(
    `  ${terminal.style('bold', 'aws-iot-machines')}: a device that loses its line and comes back`,
  );
  terminal.line();
  terminal.paragraph(
    `A lamp publishes a numbered reading every ${setting(PUBLISH_EVERY_MS)} over mutual TLS, and reads its own topic. ` +
      `Soon its broker goes away for ${setting(AWAY_MS)}. No reading may be lost, and their order must hold. ` +
      'Then an app says what the lamp shall be, in its shadow: the lamp must report it, though it has no line for a while.',
  );
  terminal.line();
  terminal.paragraph(
    `The times are shortened: backoff ${setting(baseMs)} to ${setting(maxMs)} instead of ` +
      `${setting(usual.baseMs)} to ${setting(usual.maxMs)}, stable after ${setting(stableMs)} instead of ` +
      `${setting(usual.stableMs)}, ${TIMES.drainPerSecond} queued messages a second instead of ` +
      `${DEFAULT_DRAIN.perSecond}.`,
  );
  terminal.line();
  terminal.line('  ● state of the device   ↑ published   ↓ came back   ↕ both at once');
  terminal.line('  ◇ shadow: desired       ◆ shadow: reported');
  terminal.line();
}
