import type { ServerResponse } from 'node:http';

/** The stream of one page: server-sent events, each one JSON. A page that does not read is not written to. */
export class FeedStream {
  readonly #response: ServerResponse;
  #isFull = false;
  /** It has not been told everything, or has missed something since. */
  #isBehind = true;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    response.on('drain', () => {
      this.#isFull = false;
    });
    // The page has gone; `close` follows.
    response.on('error', () => {});
  }

  /** Whether it has to be told everything, and can be. */
  get wantsAll(): boolean {
    return this.#isBehind && !this.#isFull;
  }

  onClose(callback: () => void): void {
    this.#response.once('close', callback);
  }

  sendAll(json: string): void {
    this.#isBehind = false;
    this.#write(`data: ${json}\n\n`);
  }

  send(json: string): void {
    if (this.#isFull) this.#isBehind = true;
    else this.#write(`data: ${json}\n\n`);
  }

  beat(): void {
    if (!this.#isFull) this.#write(':\n\n');
  }

  end(): void {
    this.#response.end();
  }

  #write(text: string): void {
    this.#isFull = !this.#response.write(text);
  }
}
