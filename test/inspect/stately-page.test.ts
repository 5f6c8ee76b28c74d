import { afterEach, describe, expect, it, vi } from 'vitest';
import { createActor } from 'xstate';
import { type StatelyInspector, statelyInspector } from '../../src/inspect/browser.ts';
import { secretIn } from '../support/canaries.ts';
import { Inbox, lampMachine, signingMachine } from './stately-support.ts';

const VIEWER = 'https://stately.ai';
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Posted {
  readonly data: { readonly type: string };
  readonly origin: string;
}

/** A page, as much of it as an inspector asks for, and a window that a viewer could be in. */
class FakePage {
  readonly posted: Posted[] = [];
  readonly inbox = new Inbox();
  readonly opened: (readonly [url: string, name: string])[] = [];
  readonly viewer = {
    postMessage: (data: Posted['data'], origin: string): void => {
      this.posted.push({ data, origin });
      if (data.type !== '@statelyai.disconnected') this.inbox.take(JSON.stringify(data));
    },
  };
  opens = true;
  readonly #hearers = new Set<(event: object) => void>();

  constructor() {
    vi.stubGlobal('addEventListener', (_type: string, hear: (event: object) => void) =>
      this.#hearers.add(hear),
    );
    vi.stubGlobal('removeEventListener', (_type: string, hear: (event: object) => void) =>
      this.#hearers.delete(hear),
    );
    vi.stubGlobal('open', (url: string, name: string) => {
      this.opened.push([url, name]);
      return this.opens ? this.viewer : null;
    });
  }

  get hearers(): number {
    return this.#hearers.size;
  }

  says(event: Partial<Record<'source' | 'origin' | 'data', unknown>> = {}): void {
    const connected = { source: this.viewer, origin: VIEWER, data: { type: '@statelyai.connected' } };
    for (const hear of this.#hearers) hear({ ...connected, ...event });
  }
}

async function inspector(options: Parameters<typeof statelyInspector>[0]): Promise<StatelyInspector> {
  const stately = await statelyInspector(options);
  ends.push(() => stately.close());
  return stately;
}

function lampWith(stately: StatelyInspector) {
  const lamp = createActor(lampMachine, { inspect: stately.inspect }).start();
  ends.push(() => lamp.stop());
  return lamp;
}

describe('a page and the viewer of Stately', () => {
  it('shows its machines to the window when that listens, and again when it was loaded anew', async () => {
    const page = new FakePage();
    const stately = await inspector({ via: 'browser' });
    expect(page.opened).toEqual([['https://stately.ai/inspect', 'xstateinspector']]);
    expect(stately.url).toBeUndefined();
    const lamp = lampWith(stately);
    page.says();
    await page.inbox.until(() => page.inbox.newestOf('lamp') !== undefined);
    lamp.send({ type: 'press' });
    await page.inbox.until(() => typeof page.inbox.newestOf('lamp')?.value === 'object');

    const before = page.posted.length;
    page.says();
    expect(page.posted[before]?.data).toMatchObject({ name: 'lamp', snapshot: { value: { token: {} } } });
    await stately.close();
    expect(page.posted.at(-1)?.data).toEqual({ type: '@statelyai.disconnected' });
    expect(page.hearers).toBe(0);
    expect(new Set(page.posted.map(({ origin }) => origin))).toEqual(new Set([VIEWER]));
  });

  it('sec:S-22 tells nothing to another window or origin, and no secret to the viewer', async () => {
    const page = new FakePage();
    const stately = await inspector({ via: 'browser' });
    const signing = createActor(signingMachine, { inspect: stately.inspect }).start();
    ends.push(() => signing.stop());
    page.says({ source: {} });
    page.says({ origin: 'https://evil.example' });
    page.says({ data: 'text' });
    page.says({ data: null });
    expect(page.posted).toEqual([]);
    page.says();
    await page.inbox.until(() => page.inbox.newestOf('signing')?.value === 'signed');
    expect(secretIn(page.inbox.texts.join('\n'))).toBeUndefined();
  });

  it('shows them in a frame, at the address that it is given', async () => {
    const page = new FakePage();
    const iframe = { src: '', contentWindow: page.viewer };
    await inspector({ via: 'browser', url: 'http://localhost:3000/viewer', iframe });
    expect(iframe.src).toBe('http://localhost:3000/viewer');
    expect(page.opened).toEqual([]);
  });

  it('says what to do when the browser lets no window open', async () => {
    const page = new FakePage();
    page.opens = false;
    await expect(statelyInspector({ via: 'browser' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      remediation: expect.stringContaining('iframe') as string,
    });
    expect(page.hearers).toBe(0);
  });

  it('has no relay of its own', async () => {
    await expect(statelyInspector({ via: 'webSocket' } as never)).rejects.toMatchObject({
      message: 'via must be "browser" or "sky"; given: "webSocket"',
    });
  });
});

/** The socket of a page, to a server that is nowhere. */
class FakeSocket {
  static readonly all: FakeSocket[] = [];
  readonly bufferedAmount = 0;
  readonly sent: string[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;

  readonly url: string;

  constructor(url: string) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.onclose?.();
  }
}

describe("Stately's relay on the internet", () => {
  it('gets everything in its own wrapping, and says where it is seen', async () => {
    vi.stubGlobal('WebSocket', FakeSocket);
    const stately = await inspector({ via: 'sky', apiKey: 'key-of-an-account' });
    const [socket] = FakeSocket.all.splice(0);
    const session = /inspect-([\w-]{36})\?_pk=[\w-]{36}$/.exec(socket?.url ?? '')?.[1];
    expect(socket?.url.startsWith('wss://stately-sky-beta.mellson.partykit.dev/party/')).toBe(true);
    expect(stately.url).toBe(`https://stately.ai/registry/inspect/${session}`);
    lampWith(stately);
    socket?.onopen?.();
    await stately.close();
    const messages = socket?.sent.map((text) => (JSON.parse(text) as { readonly json: object }).json);
    expect(messages?.[0]).toMatchObject({
      apiKey: 'key-of-an-account',
      type: '@xstate.actor',
      name: 'lamp',
      snapshot: { context: { password: '[redacted]' } },
    });
    expect(secretIn(socket?.sent.join('\n') ?? '')).toBeUndefined();
  });
});
