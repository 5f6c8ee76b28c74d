import { Duplex } from 'node:stream';

export interface BrokerEndEvents {
  /** The broker wants more bytes. */
  wanted(): void;
  /** The broker wrote; `taken` lets it write on. */
  written(bytes: Buffer, taken: () => void): void;
  /** The broker is done with this connection, or was cut off. */
  gone(): void;
}

/** The end of a connection that the broker holds in place of a socket. */
export class BrokerEnd extends Duplex {
  readonly #events: BrokerEndEvents;

  constructor(events: BrokerEndEvents) {
    super({ allowHalfOpen: false });
    this.#events = events;
  }

  override _read(): void {
    this.#events.wanted();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, taken: () => void): void {
    this.#events.written(chunk, taken);
  }

  override _writev(chunks: { chunk: Buffer }[], taken: () => void): void {
    this.#events.written(Buffer.concat(chunks.map(({ chunk }) => chunk)), taken);
  }

  /** An error that the broker destroys a connection with is its own way to say "closed": nobody else needs it. */
  override _destroy(_error: Error | null, done: (error?: Error | null) => void): void {
    this.#events.gone();
    done(null);
  }
}
