import type { IotError } from '../protocol/errors.ts';
import type { QoS } from '../protocol/message.ts';
import type { RecoveredMessages } from '../protocol/queue-store.ts';
import type { Message } from '../protocol/received-message.ts';
import type { Status } from './status.ts';

/** What a client tells through `client.on(event, listener)`. */
export interface ClientEvents {
  /** The status has changed: one event for each entry of `client.statusChanges()`. */
  status: Status;
  /**
   * A message came in, whether or not a subscription has a handler for it. The first listener also gets those that were held
   * because nobody took them (`session` in the options of the client).
   */
  message: Message;
  /** A publish waits, because there is no live line; `queued` do so now. With a durable store: once the store has it. */
  queued: { readonly topic: string; readonly qos: QoS; readonly queued: number };
  /**
   * There was no room for a publish: it was refused (`QUEUE_FULL`), or it was the oldest and made way (`QUEUE_EVICTED`).
   */
  dropped: { readonly topic: string; readonly qos: QoS; readonly error: IotError };
  /**
   * What had waited for this line was let go, or nothing had: what the window and the rate still hold back goes by itself.
   * `inFlight` are not acknowledged yet.
   */
  drained: { readonly inFlight: number };
  /** The durable store was opened: so many messages of an earlier process are sent now, and so many cannot be found. */
  recovered: RecoveredMessages;
  /**
   * The durable store cannot be opened or written (QoS 1 publishes reject meanwhile; it is tried again), or some of its messages
   * cannot be found.
   */
  storeError: { readonly error: IotError };
  /** A publish that had been accepted and queued ended without the broker's acknowledgement; `delivered` rejects with it. */
  undelivered: { readonly topic: string; readonly qos: QoS; readonly error: IotError };
  /** The broker refused a filter, or closes line after line over it (`POISON_SUBSCRIPTION`); its subscriptions have ended. */
  subscriptionRefused: { readonly filter: string; readonly error: IotError };
  /** An iterator of `client.messages()` was too slow for its buffer; `dropped` counts its losses so far. Told once a burst. */
  overflow: { readonly filter: string; readonly dropped: number };
  /** More is published than the drain lets go, and it is not adaptive: this drain will not end. */
  endlessDrain: { readonly queued: number };
  /** Something is not as it should be, and works all the same. */
  warning: { readonly message: string };
  /**
   * A handler or a listener of the app threw, or its promise rejected; or its `random` failed, for the first time. Without
   * a listener it goes to `console.error`.
   */
  handlerError: { readonly error: unknown };
}

/** Their names. */
export const EVENTS = [
  'status',
  'message',
  'queued',
  'dropped',
  'drained',
  'recovered',
  'storeError',
  'undelivered',
  'subscriptionRefused',
  'overflow',
  'endlessDrain',
  'warning',
  'handlerError',
] as const satisfies readonly (keyof ClientEvents)[];

type Listener<T> = (event: T) => unknown;

/** Calls the app's functions so that none of them can harm the client, or another one. */
export class Emitter {
  readonly #listeners = new Map<keyof ClientEvents, Set<Listener<never>>>();

  /** Adds a listener; the returned function removes it. */
  on<K extends keyof ClientEvents>(event: K, listener: Listener<ClientEvents[K]>): () => void {
    // A wrapper each time, so that the same function may listen twice and be removed once.
    const own: Listener<ClientEvents[K]> = (value) => listener(value);
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(own));
    return () => {
      listeners.delete(own);
    };
  }

  has(event: keyof ClientEvents): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  /**
   * Tells, once the step of the machine that this comes from is over: so a listener may make any call, and finds the
   * client as if it had been called from nowhere.
   */
  emit<K extends keyof ClientEvents>(event: K, value: ClientEvents[K]): void {
    const listeners = this.#listeners.get(event);
    if (listeners !== undefined && listeners.size > 0)
      queueMicrotask(() => this.#tell(event, listeners, value));
  }

  /** The fast path: a message comes from the line, in no step of a machine. Returns whether anybody listens. */
  emitMessage(message: Message): boolean {
    const listeners = this.#listeners.get('message');
    if (listeners === undefined || listeners.size === 0) return false;
    this.#tell('message', listeners, message);
    return true;
  }

  /** Calls a function of the app; what it throws, or its promise rejects with, is reported and goes no further. */
  call<T>(callback: Listener<T>, value: T): void {
    try {
      const result = callback(value);
      if (isThenable(result)) result.then(undefined, (error: unknown) => this.report(error));
    } catch (error) {
      this.report(error);
    }
  }

  report(error: unknown): void {
    if (this.has('handlerError')) this.emit('handlerError', { error });
    else printError('a function of the app failed', error);
  }

  #tell<K extends keyof ClientEvents>(
    event: K,
    listeners: ReadonlySet<Listener<never>>,
    value: ClientEvents[K],
  ): void {
    for (const listener of [...listeners] as Listener<ClientEvents[K]>[]) {
      if (event === 'handlerError') callLast(listener as Listener<ClientEvents['handlerError']>, value);
      else this.call(listener, value);
    }
  }
}

/** The listener for errors of listeners: when it fails too, only the console is left. */
function callLast(listener: Listener<ClientEvents['handlerError']>, value: unknown): void {
  const failed = (error: unknown): void => printError('a listener of handlerError failed', error);
  try {
    const result = listener(value as ClientEvents['handlerError']);
    if (isThenable(result)) result.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}

/** An error of the app that nobody listens for must not vanish. */
function printError(what: string, error: unknown): void {
  // biome-ignore lint/suspicious/noConsole: nobody else is there to be told.
  console.error(`aws-iot-machines: ${what}:`, error);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
