import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import { type IotClient, IotError, type JsonObject } from '../index.ts';
import type { LocalIotCore } from '../local/index.ts';
import type { Timeline } from './timeline.ts';

/** What came of the shadow. */
export interface ShadowOutcome {
  /** Whether all that was desired is reported: as the core has it, not as the device believes. */
  readonly isInSync: boolean;
  /** From desired to reported, in milliseconds; undefined when it never was. */
  readonly withLineMs: number | undefined;
  /** The same for what was desired without a line, from the moment when that was live again. */
  readonly withoutLineMs: number | undefined;
}

export interface ShadowCast {
  readonly client: IotClient;
  readonly core: LocalIotCore;
  readonly timeline: Timeline;
}

export interface ShadowTimes {
  /** Between two events, for who reads along. */
  readonly pauseMs: number;
  /** A scene that takes longer does not end well. */
  readonly limitMs: number;
}

const TIMES: ShadowTimes = { pauseMs: 400, limitMs: 8_000 };
const ADDRESS = { thingName: 'kitchen-lamp' };

/** An app desires and a device reports; then the app desires something while the device has no line. */
export async function tellShadowScene(
  cast: ShadowCast,
  interrupt: AbortSignal,
  { pauseMs, limitMs }: ShadowTimes = TIMES,
): Promise<ShadowOutcome> {
  const { client, core, timeline } = cast;
  const limit = AbortSignal.timeout(limitMs);
  const signal = AbortSignal.any([interrupt, limit]);
  const pause = (): Promise<void> => sleep(pauseMs, undefined, { signal });
  const lamp = new EchoingLamp(cast);
  let withLineMs: number | undefined;
  let withoutLineMs: number | undefined;
  const whenReported = async (): Promise<number> => {
    const since = performance.now();
    await lamp.whenReported(() => core.shadows.get(ADDRESS)?.version, signal);
    return performance.now() - since;
  };
  const desire = (desired: JsonObject, note = ''): void => {
    timeline.world('app', `desires ${JSON.stringify(desired)}${note}`);
    core.shadows.update(ADDRESS, { state: { desired } });
  };
  try {
    await client.shadow(ADDRESS.thingName).whenSynced({ signal });
    desire({ light: 'on', brightness: 80 });
    withLineMs = await whenReported();
    await pause();
    timeline.world('network', 'takes the line away');
    core.faults.stopListening();
    await core.faults.dropConnections();
    await pause();
    desire({ brightness: 20 }, ' while the lamp is away');
    await pause();
    await core.faults.listen();
    timeline.world('network', 'gives the line back');
    await client.when('live', { signal });
    withoutLineMs = await whenReported();
  } catch (error) {
    // What is missing now is not in sync, and the outcome says so.
    if (!limit.aborted || interrupt.aborted) throw error;
  }
  return { isInSync: isInSync(core), withLineMs, withoutLineMs };
}

/** Does what is desired, and reports it. */
class EchoingLamp {
  readonly #reports = new EventEmitter();
  #version: number | undefined;

  constructor({ client, timeline }: ShadowCast) {
    const shadow = client.shadow(ADDRESS.thingName);
    client.on('handlerError', ({ error }) => {
      timeline.event(`✗ not reported: ${IotError.is(error) ? error.code : String(error)}`);
    });
    shadow.onDelta(async ({ state, version }) => {
      timeline.shadow('◇', version, `desired    ${JSON.stringify(state)}`);
      const accepted = await shadow.update({ reported: state });
      timeline.shadow('◆', accepted.version, `reported   ${JSON.stringify(state)}`);
      this.#version = accepted.version;
      this.#reports.emit('report');
    });
  }

  /** Resolves when its report made the newest version. Rejects when the signal aborts. */
  async whenReported(newest: () => number | undefined, signal: AbortSignal): Promise<void> {
    while (this.#version !== newest()) await once(this.#reports, 'report', { signal });
  }
}

function isInSync(core: LocalIotCore): boolean {
  const { desired, reported } = core.shadows.get(ADDRESS)?.state ?? {};
  return desired !== undefined && isDeepStrictEqual(desired, reported);
}
