import { hasMethods, oneOf, wholeNumber } from '../client/checks.ts';
import type { IotClient } from '../client/iot-client.ts';
import { ACTOR } from '../machines/actor-of.ts';
import { type Clock, systemClock } from '../protocol/clock.ts';
import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { Charts } from './charts.ts';
import { type FaultyCore, faultsOf } from './line-faults.ts';
import { isActor, type LiveActor } from './live-actor.ts';
import { LiveFeed } from './live-feed.ts';
import { PageServer } from './page-server.ts';
import { PAYLOAD_MODES, type PayloadMode } from './payload-size.ts';
import { Recorder } from './recorder.ts';

/** A running actor of XState. It shows the whole system that it belongs to, from the root on. */
export interface InspectableActor {
  /** As XState numbers the actors of a system. */
  readonly sessionId: string;
  /** What hears of every step (`system.inspect()`). */
  readonly system: object;
  /** Its state now. */
  getSnapshot(): unknown;
}

/** What can be watched: a client, or an actor of an app's own. */
export type InspectionTarget = IotClient | InspectableActor;

/** Where the page is served, and what it shows and can do. */
export interface ServeInspectorOptions {
  /** Of 127.0.0.1, the only address that it ever listens on. Default 0: any free one. */
  readonly port?: number;
  /**
   * What the page shows of payloads, shadow documents and results: `none` of it, its `size`, or the first 256 characters
   * (`truncated`). Secrets are hidden in any case. Default `none`.
   */
  readonly payloads?: PayloadMode;
  /** A local AWS IoT Core: the page then has buttons that break the line. */
  readonly core?: FaultyCore;
  /** The source of time. For tests; default: the process's own. */
  readonly clock?: Clock;
}

/** A live page of running machines. */
export interface Inspector {
  /** Where the page is: `http://127.0.0.1:<port>/`. */
  readonly url: string;
  /**
   * Shows one more; nothing once it is closed.
   *
   * @throws IotError `INVALID_ARGUMENT`
   */
  watch(target: InspectionTarget): void;
  /** Watches nothing any more, and ends all pages. */
  close(): Promise<void>;
  /** As `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Serves a live page of machines on the loopback: each actor, its statechart with the active states, its context, and every event.
 * What it shows has no secrets in it. It never keeps the process alive, and can be given a client that runs already.
 *
 * @throws IotError `INVALID_ARGUMENT`: which field, what it may be, what was given; or a port that cannot be had
 */
export async function serveInspector(
  targets: InspectionTarget | readonly InspectionTarget[],
  options: ServeInspectorOptions = {},
): Promise<Inspector> {
  const { port, payloads, core, clock } = checkedOptions(options);
  // Not by map(), which passes over what is missing.
  const actors = Array.from(Array.isArray(targets) ? (targets as readonly unknown[]) : [targets], liveActor);
  const recorder = new Recorder(clock);
  const charts = new Charts();
  const feed = new LiveFeed({ recorder, charts, clock, payloads, faults: faultsOf(core) });
  const server = new PageServer({ feed, charts, core });
  await server.listen(port);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    if (closing === undefined) {
      recorder.close();
      feed.close();
      closing = server.close();
    }
    return closing;
  };
  try {
    for (const actor of actors) recorder.watch(actor);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: server.url,
    watch: (target) => recorder.watch(liveActor(target)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function liveActor(target: unknown): LiveActor {
  const actor = (target as { readonly [ACTOR]?: unknown } | null | undefined)?.[ACTOR] ?? target;
  if (isActor(actor)) return actor;
  throw invalid(
    'what is inspected',
    'a client that createIotClient() returned, or an actor of XState',
    target,
  );
}

function checkedOptions(options: ServeInspectorOptions) {
  checkFields('options', options, ['port', 'payloads', 'core', 'clock']);
  const { port = 0, payloads = 'none', core, clock = systemClock } = options;
  wholeNumber('port', port, 0, 65_535);
  oneOf('payloads', payloads, PAYLOAD_MODES);
  if (core !== undefined && faultsIn(core) === undefined)
    throw invalid('core', 'what startLocalIotCore() returned', core);
  if (!hasMethods(clock, ['now', 'setTimeout', 'clearTimeout']))
    throw invalid('clock', 'an object with now, setTimeout and clearTimeout', clock);
  return { port, payloads, core, clock };
}

function faultsIn(core: unknown): object | undefined {
  const faults = (core as { readonly faults?: unknown } | null)?.faults;
  return typeof faults === 'object' && faults !== null ? faults : undefined;
}
