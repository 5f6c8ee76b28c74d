import type { Journal } from '../delivery/journal.ts';
import { Outbox } from '../delivery/outbox.ts';
import type { RequestSlots } from '../delivery/request-slots.ts';
import type { ClientPorts } from '../machines/client.types.ts';
import { type IotError, invalid } from '../protocol/errors.ts';
import type { IncomingMessage } from '../protocol/message.ts';
import type { Wire } from '../protocol/transport.ts';
import { EarlyCloses } from './early-closes.ts';
import type { ResolvedOptions } from './options.ts';
import type { Platform } from './platform.ts';
import type { QueueNews } from './queue-news.ts';

/** What the world tells the client, outside of the machines: messages on the fast path, and what must be said aloud. */
export interface WorldHooks {
  readonly onMessage: (message: IncomingMessage) => void;
  readonly warn: (message: string) => void;
  /** The broker closes the line over this filter. */
  readonly onPoisonFilter: (filter: string, error: IotError) => void;
  readonly reportError: (error: unknown) => void;
  readonly queueNews: QueueNews;
  /** What an earlier process left waits now. */
  readonly onRecovered: () => void;
  /** Requests about shadows that have no answer yet: a planned end of the line waits for them. */
  readonly slots: RequestSlots;
  /** The client id in use. */
  readonly clientId: () => string;
}

/** Builds the outbox and the transport of one client, and joins them to the ports that its machines use. */
export function createPorts(
  options: ResolvedOptions,
  platform: Platform,
  hooks: WorldHooks,
): { outbox: Outbox; journal: Journal | undefined; ports: Omit<ClientPorts, 'open'> } {
  const { clock, random } = options;
  const { outbox, journal } = createOutbox(options, platform, hooks);
  const earlyCloses = new EarlyCloses({
    outbox,
    now: () => clock.now(),
    endpoint: options.endpoint,
    port: options.port,
    clientId: hooks.clientId,
    onPoisonFilter: hooks.onPoisonFilter,
    warn: hooks.warn,
  });
  let currentWire: Wire | undefined;
  const openTransport = platform.createTransport({
    endpoint: options.endpoint,
    port: options.port,
    clientId: options.clientId,
    authentication: options.auth,
    protocolVersion: options.protocolVersion,
    clean: options.clean,
    maximumPacketBytes: options.maximumPacketBytes,
    keepAliveSeconds: options.keepAliveSeconds,
    pingTimeoutMs: options.pingTimeoutMs,
    operationTimeoutMs: options.operationTimeoutMs,
    connectIntervalMs: options.connectIntervalMs,
    clock,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.will === undefined ? {} : { will: options.will }),
    ...(options.sessionExpirySeconds === undefined
      ? {}
      : { sessionExpirySeconds: options.sessionExpirySeconds }),
    ...(options.userNameSuffix === undefined ? {} : { userNameSuffix: options.userNameSuffix }),
    attach(wire) {
      currentWire = wire;
      const attached = earlyCloses.attach(wire);
      return {
        ...attached,
        detach(end) {
          currentWire = undefined;
          return attached.detach(end);
        },
      };
    },
    onMessage: hooks.onMessage,
    warn: hooks.warn,
  });
  return {
    outbox,
    journal,
    ports: {
      openTransport: earlyCloses.watch(
        journal === undefined || platform.durable === undefined
          ? openTransport
          : platform.durable.storeFirst(openTransport, hooks.queueNews.opening.promise, clock),
      ),
      outbox,
      currentWire: () => currentWire,
      onFlushed: (callback) =>
        whenBoth(outbox.onFlushed.bind(outbox), hooks.slots.onIdle.bind(hooks.slots), callback),
      random: harmless(random, hooks.reportError),
      now: () => clock.now(),
    },
  };
}

type OnCall = (callback: () => void) => () => void;

/** Calls back once the first has come, and then the second. */
function whenBoth(first: OnCall, second: OnCall, callback: () => void): () => void {
  let takeBack: (() => void) | undefined;
  const takeBackFirst = first(() => {
    takeBack = second(callback);
  });
  takeBack ??= takeBackFirst;
  return () => takeBack?.();
}

/** The outbox, and the journal that keeps what it accepts, if there is a durable store. */
function createOutbox(
  { clock, queue, store, rate }: ResolvedOptions,
  { durable }: Platform,
  { queueNews, onRecovered, reportError }: WorldHooks,
): { outbox: Outbox; journal: Journal | undefined } {
  const journal =
    store &&
    durable?.createJournal({
      store,
      clock,
      recovered(found, missing) {
        outbox.recover(found, (message) => queueNews.observe(message), onRecovered);
        queueNews.recovered({ messages: found.length, missing });
      },
      failed: (error) => queueNews.storeFailed(error),
    });
  const outbox: Outbox = new Outbox({
    clock,
    ...queue,
    ...(journal === undefined ? {} : { journal }),
    ...(rate === undefined ? {} : { rate }),
    reportError,
  });
  return { outbox, journal };
}

/**
 * The app's own source of chance is asked in the midst of a machine's step. When it throws or gives what is no number in
 * [0, 1), 0.5 stands for it; the first time that is reported.
 */
function harmless(random: () => number, reportError: WorldHooks['reportError']): () => number {
  let isReported = false;
  return () => {
    try {
      const drawn: unknown = random();
      if (typeof drawn === 'number' && drawn >= 0 && drawn < 1) return drawn;
      throw invalid('random()', 'a number from 0 to less than 1', drawn);
    } catch (error) {
      if (!isReported) reportError(error);
      isReported = true;
      return 0.5;
    }
  };
}
