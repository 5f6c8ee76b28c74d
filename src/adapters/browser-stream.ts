import type { Clock, Timer } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { at, type Peer } from '../protocol/failure-place.ts';
import type { BrowserSocket, BrowserSocketEvent } from './browser-socket.ts';

type Listener = (value?: unknown) => void;
type Done = (error?: Error | null) => void;

/** A browser does not say when it has handed over what it was given: it is asked, as often as this. */
const LOOK_MS = 20;
const OPEN = 1;
const utf8 = new TextEncoder();

/**
 * The MQTT bytes of a browser's WebSocket, as much of a Node stream as a line and mqtt.js use. What is written is the browser's
 * at once, in a copy, and `writableLength` is what it has not handed to the network. It reads whatever comes, because a
 * WebSocket cannot be told to wait.
 */
export class BrowserStream {
  readonly writableHighWaterMark = 65_536;
  destroyed = false;
  errored: Error | null = null;
  readonly #socket: BrowserSocket;
  readonly #clock: Clock;
  readonly #peer: Peer;
  readonly #listeners = new Map<string, Listener[]>();
  #piped: Listener | undefined;
  #bytesRead = 0;
  #isEnding = false;
  /** What is held together, to be one frame. */
  #corked: Uint8Array[] | undefined;
  /** Looks whether the browser has taken enough for more to be written. */
  #look: Timer;

  /** @param socket which is open */
  constructor(socket: BrowserSocket, clock: Clock, peer: Peer) {
    this.#socket = socket;
    this.#clock = clock;
    this.#peer = peer;
    socket.addEventListener('message', this.#received);
    socket.addEventListener('close', this.#closed);
  }

  /** Bytes of the frames that came: of one that is under way a browser shows nothing. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  get writable(): boolean {
    return !this.destroyed && !this.#isEnding && this.#socket.readyState === OPEN;
  }

  /** What the browser has not handed to the network. After the end nobody waits for that. */
  get writableLength(): number {
    return this.destroyed ? 0 : this.#socket.bufferedAmount;
  }

  on(event: string, listener: Listener): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    return this;
  }

  once(event: string, listener: Listener): this {
    const once: Listener = (value) => {
      this.removeListener(event, once);
      listener(value);
    };
    return this.on(event, once);
  }

  removeListener(event: string, listener: Listener): this {
    const others = this.#listeners.get(event)?.filter((other) => other !== listener) ?? [];
    this.#listeners.set(event, others);
    return this;
  }

  /** There is no bound. */
  setMaxListeners(): this {
    return this;
  }

  pipe<T extends { write(bytes: unknown): unknown }>(parser: T): T {
    this.#piped = (bytes) => parser.write(bytes);
    this.on('data', this.#piped);
    return parser;
  }

  unpipe(): this {
    return this.#piped === undefined ? this : this.removeListener('data', this.#piped);
  }

  /** Until the end of this step: the timer that mqtt.js uncorks by may wait for a second in a tab that nobody sees. */
  cork(): void {
    if (this.#corked !== undefined) return;
    this.#corked = [];
    queueMicrotask(() => this.#sendCorked());
  }

  uncork(): void {}

  /** False when the caller should wait for `drain`. A second parameter that is no function is an encoding: it is UTF-8. */
  write(given: string | Uint8Array, ...rest: readonly (string | Done | undefined)[]): boolean {
    const done = rest.find((one) => typeof one === 'function');
    if (!this.writable) {
      queueMicrotask(() => done?.(new Error('write after end')));
      return false;
    }
    const bytes = typeof given === 'string' ? utf8.encode(given) : given;
    if (this.#corked === undefined) this.#socket.send(bytes);
    else this.#corked.push(new Uint8Array(bytes));
    if (done !== undefined) queueMicrotask(done);
    if (this.writableLength > 0) this.#lookAgain();
    return this.writableLength < this.writableHighWaterMark;
  }

  /** Writes this, then closes: the browser sends what it has before it says so. */
  end(bytes?: Uint8Array): this {
    if (bytes !== undefined) this.write(bytes);
    this.#sendCorked();
    this.#isEnding = true;
    if (!this.destroyed) this.#socket.close();
    return this;
  }

  destroy(error: Error | null = null): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.errored = error;
    this.#corked = undefined;
    if (this.#look !== undefined) this.#clock.clearTimeout(this.#look);
    this.#socket.removeEventListener('message', this.#received);
    this.#socket.removeEventListener('close', this.#closed);
    this.#socket.close();
    queueMicrotask(() => {
      if (error !== null) this.#emit('error', error);
      this.#emit('close');
    });
    return this;
  }

  readonly #received = ({ data }: BrowserSocketEvent): void => {
    // Not asked for its class: that of another realm is another.
    if (typeof data !== 'string') {
      const bytes = new Uint8Array(data as ArrayBuffer);
      this.#bytesRead += bytes.byteLength;
      this.#emit('data', bytes);
      return;
    }
    const what = 'a text frame, where only binary ones may be';
    this.destroy(new IotError('PROTOCOL_ERROR', `${at(this.#peer)} broke the WebSocket protocol: ${what}`));
  };

  readonly #closed = (): void => {
    this.#emit('end');
    this.destroy();
  };

  #sendCorked(): void {
    const pieces = this.#corked;
    this.#corked = undefined;
    if (pieces === undefined || pieces.length === 0 || !this.writable) return;
    const frame = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
    let end = 0;
    for (const piece of pieces) {
      frame.set(piece, end);
      end += piece.byteLength;
    }
    this.#socket.send(frame);
    this.#lookAgain();
  }

  #lookAgain(): void {
    this.#look ??= this.#clock.setTimeout(() => {
      this.#look = undefined;
      if (this.writableLength > 0) this.#lookAgain();
      if (this.writableLength < this.writableHighWaterMark) this.#emit('drain');
    }, LOOK_MS);
  }

  #emit(event: string, value?: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(value);
  }
}
