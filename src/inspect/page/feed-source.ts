import type { Feed, FeedChange } from '../feed.ts';

/** A stream that the server refused is not opened again by the browser itself. */
const REOPEN_MS = 2_000;

export interface FeedListener {
  readonly told: (news: Feed | FeedChange) => void;
  /** Whether the page is told what happens. */
  readonly connected: (isConnected: boolean) => void;
}

/** The stream of the server, as long as somebody can see the page: one that comes back is told everything anew. */
export class FeedSource {
  readonly #listener: FeedListener;
  #stream: EventSource | undefined;
  #reopening: ReturnType<typeof setTimeout> | undefined;

  constructor(listener: FeedListener) {
    this.#listener = listener;
    document.addEventListener('visibilitychange', () => this.#follow());
    this.#follow();
  }

  #follow(): void {
    if (document.hidden) this.#close();
    else if (this.#stream === undefined) this.#open();
  }

  #open(): void {
    const stream = new EventSource('/feed');
    this.#stream = stream;
    stream.addEventListener('message', ({ data }: MessageEvent<string>) => {
      this.#listener.told(JSON.parse(data) as Feed | FeedChange);
    });
    stream.addEventListener('open', () => this.#listener.connected(true));
    stream.addEventListener('error', () => {
      this.#listener.connected(false);
      if (stream.readyState !== EventSource.CLOSED) return;
      this.#close();
      this.#reopening = setTimeout(() => this.#follow(), REOPEN_MS);
    });
  }

  #close(): void {
    clearTimeout(this.#reopening);
    this.#stream?.close();
    this.#stream = undefined;
  }
}
