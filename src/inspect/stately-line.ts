import type { Clock, Timer } from '../protocol/clock.ts';
import type { StatelyOutlet } from './stately-inspector.ts';
import { settledWithin } from './stately-wait.ts';

/** As much of a WebSocket as is used, of Node's `ws` or of a page. */
export interface LineSocket {
  readonly bufferedAmount: number;
  onopen: (() => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
  send(message: string): void;
  close(): void;
  /** Node only: does not wait for the other side. */
  terminate?(): void;
}

export interface LinePorts {
  readonly clock: Clock;
  readonly replay: () => readonly string[];
  /** Begins to open a new one. */
  open(): LineSocket;
  /** What a person opens to see it. */
  readonly url: string | undefined;
  /** How the server wants to have a message. Default: as it is. */
  wrapped?(message: string): string;
}

const RETRY_DELAY_MS = 1_000;
const CLOSE_TIMEOUT_MS = 1_000;
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;

/**
 * A WebSocket to a server of somebody else, which is opened again however it ended, and never keeps the process alive. Each new one begins with
 * what the server may have forgotten.
 */
export class StatelyLine implements StatelyOutlet {
  readonly #ports: LinePorts;
  #socket: LineSocket | undefined;
  #isOpen = false;
  #isClosed = false;
  #retry: Timer;
  #ended = (): void => {};

  constructor(ports: LinePorts) {
    this.#ports = ports;
    this.#connect();
  }

  get url(): string | undefined {
    return this.#ports.url;
  }

  send(message: string): void {
    if (!this.#isOpen || this.#socket === undefined) return;
    // The next socket begins with what matters.
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) this.#cut(this.#socket);
    else this.#socket.send(this.#wrapped(message));
  }

  async close(): Promise<void> {
    const { clock } = this.#ports;
    this.#isClosed = true;
    clock.clearTimeout(this.#retry);
    const socket = this.#socket;
    if (socket === undefined) return;
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    // What was sent goes first.
    if (this.#isOpen) socket.close();
    else this.#cut(socket);
    await settledWithin(clock, CLOSE_TIMEOUT_MS, ended);
    if (this.#socket !== undefined) this.#cut(socket);
  }

  #connect(): void {
    const socket = this.#ports.open();
    this.#socket = socket;
    socket.onopen = () => {
      this.#isOpen = true;
      for (const message of this.#ports.replay()) socket.send(this.#wrapped(message));
    };
    // Whatever it was, it closes after it.
    socket.onerror = () => {};
    socket.onclose = () => this.#closed();
  }

  #closed(): void {
    const { clock } = this.#ports;
    this.#isOpen = false;
    this.#socket = undefined;
    this.#ended();
    if (this.#isClosed) return;
    this.#retry = clock.setTimeout(() => this.#connect(), RETRY_DELAY_MS);
    clock.unref?.(this.#retry);
  }

  #cut(socket: LineSocket): void {
    if (socket.terminate === undefined) socket.close();
    else socket.terminate();
  }

  #wrapped(message: string): string {
    return this.#ports.wrapped?.(message) ?? message;
  }
}
