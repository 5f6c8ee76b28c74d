import http, { type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ActorView, ClientView, Feed, FeedChange, LogEntry } from '../../src/inspect/feed.ts';

export interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** A request on a connection of its own, as whoever says what. */
export function ask(
  url: string,
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body = '' } = options;
  const { port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = http.request(
      { host: '127.0.0.1', port, path, method, headers, agent: false },
      (response) => {
        const { statusCode: status, headers: got } = response;
        text(response).then((received) => resolve({ status, headers: got, text: received }), reject);
      },
    );
    sent.on('error', reject).end(body);
  });
}

/** What the page does when a button is pressed. */
export function press(url: string, fault: string, body: object = {}): Promise<Answer> {
  const headers = { origin: url.slice(0, -1), 'content-type': 'application/json' };
  return ask(url, `/faults/${fault}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** One tab: it knows what a page knows from what it was told, and nothing else. */
export class Tab {
  readonly actors = new Map<string, ActorView>();
  readonly clients = new Map<string, ClientView>();
  readonly log: LogEntry[] = [];
  readonly changes: FeedChange[] = [];
  readonly feeds: Feed[] = [];
  /** Everything that came, as it came. */
  received = '';
  logged = 0;
  ended = false;
  #beats = 0;
  readonly #response: IncomingMessage;
  readonly #request: http.ClientRequest;
  #waiting: (() => void)[] = [];

  private constructor(request: http.ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.#response = response;
    response.setEncoding('utf8');
    let rest = '';
    response.on('data', (piece: string) => {
      this.received += piece;
      const parts = (rest + piece).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) this.#told(part);
    });
    response.on('error', () => {});
    response.on('close', () => {
      this.ended = true;
      this.#changed();
    });
  }

  static open(url: string): Promise<Tab> {
    return new Promise((resolve, reject) => {
      const request = http.get(`${url}feed`, { agent: false }, (response) =>
        resolve(new Tab(request, response)),
      );
      request.on('error', reject);
    });
  }

  get beats(): number {
    return this.#beats;
  }

  /** The path of names of an actor, from the root on. */
  pathOf({ name, parent }: ActorView): string {
    const above = parent === null ? undefined : this.actors.get(parent);
    return above === undefined ? name : `${this.pathOf(above)}/${name}`;
  }

  /** The newest actor with this path. */
  actor(path: string): ActorView | undefined {
    return [...this.actors.values()].findLast((actor) => this.pathOf(actor) === path);
  }

  /** Reads no further, until it does. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  async until(isTrue: (tab: Tab) => boolean): Promise<void> {
    while (!isTrue(this)) {
      if (this.ended) throw new Error('the stream has ended');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async closed(): Promise<void> {
    while (!this.ended) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#request.destroy();
  }

  #told(part: string): void {
    if (part.startsWith(':')) this.#beats += 1;
    else this.#learn(JSON.parse(part.slice('data: '.length)) as Feed | FeedChange);
    this.#changed();
  }

  #learn(news: Feed | FeedChange): void {
    if (news.type === 'feed') {
      this.feeds.push(news);
      this.actors.clear();
      this.clients.clear();
      this.log.length = 0;
    } else {
      this.changes.push(news);
      for (const key of news.forgotten) this.actors.delete(key);
    }
    for (const actor of news.actors) this.actors.set(actor.key, actor);
    for (const client of news.clients) this.clients.set(client.actor, client);
    this.log.push(...news.log);
    this.logged = news.logged;
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
