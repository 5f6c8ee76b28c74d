import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { SignInContext } from '../../src/adapters/authentication.ts';
import { browserDialer } from '../../src/adapters/browser-dialer.ts';
import type { BrowserSocketEvent } from '../../src/adapters/browser-socket.ts';
import type { BrowserStream } from '../../src/adapters/browser-stream.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';

const PATH = '/mqtt?X-Amz-Signature=canary';

/** A browser's WebSocket that does what the test says. */
class FakeSocket {
  static last: FakeSocket;
  static fails = false;
  readonly asked: readonly [url: string, protocol: string];
  readonly sent: string[] = [];
  readonly #listeners = new Map<string, Set<(event: BrowserSocketEvent) => void>>();
  binaryType = 'blob';
  readyState = 0;
  bufferedAmount = 0;
  closes = 0;

  constructor(...asked: [url: string, protocol: string]) {
    if (FakeSocket.fails) throw new Error(`The URL '${asked[0]}' is invalid.`);
    this.asked = asked;
    Object.defineProperty(this, 'asked', { enumerable: false });
    FakeSocket.last = this;
  }

  send(bytes: Uint8Array): void {
    this.sent.push(Buffer.from(bytes).toString());
  }

  close(): void {
    this.closes++;
    this.readyState = 2;
  }

  addEventListener(type: string, listener: (event: BrowserSocketEvent) => void): void {
    this.#listeners.set(type, (this.#listeners.get(type) ?? new Set()).add(listener));
  }

  removeEventListener(type: string, listener: (event: BrowserSocketEvent) => void): void {
    this.#listeners.get(type)?.delete(listener);
  }

  happens(type: string, event: BrowserSocketEvent = {}): void {
    if (type === 'open') this.readyState = 1;
    if (type === 'close') this.readyState = 3;
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(event);
  }

  get listeners(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

let clock: SimulatedClock;
let context: SignInContext;
let dialing: AbortController;

beforeEach(() => {
  FakeSocket.fails = false;
  vi.stubGlobal('WebSocket', FakeSocket);
  clock = new SimulatedClock();
  dialing = new AbortController();
  context = {
    endpoint: 'Broker.example',
    port: 8443,
    signal: dialing.signal,
    clock,
    wallClock: () => 0,
  };
});

const dial = async () => (await browserDialer.prepare(context))(PATH, { signal: dialing.signal });

/** Begins to dial, and comes back when the socket is there. */
async function begin() {
  const opening = dial();
  opening.catch(() => {});
  await Promise.resolve();
  return { opening, socket: FakeSocket.last };
}

async function opened() {
  const { opening, socket } = await begin();
  socket.happens('open');
  const { stream, bytesRead } = await opening;
  return { socket, bytesRead, stream: stream as unknown as BrowserStream };
}

/** What a listener was told, as it comes. */
function heard(stream: BrowserStream, ...events: string[]): unknown[] {
  const all: unknown[] = [];
  for (const event of events) stream.on(event, (value) => void all.push(value === undefined ? event : value));
  return all;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('dialing', () => {
  it('asks for MQTT over TLS at the place that the options name, and for bytes', async () => {
    const { socket } = await opened();
    expect(socket.asked).toEqual([`wss://broker.example:8443${PATH}`, 'mqtt']);
    expect(socket.binaryType).toBe('arraybuffer');
  });

  it('fault:D-13 says that a browser does not tell why, and names no URL', async () => {
    const { opening, socket } = await begin();
    socket.happens('error');
    socket.happens('close');
    const error = await opening.catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'WEBSOCKET_FAILED',
      recovery: 'retry',
      message: expect.stringContaining('Broker.example:8443') as string,
      remediation: expect.stringContaining('the clock of this device') as string,
    });
    expect(inspect(error, { depth: null })).not.toContain('canary');
    expect(socket.listeners).toBe(0);
  });

  it('sec:S-1 keeps to itself what the browser says of a URL that it does not take', async () => {
    FakeSocket.fails = true;
    const error = await dial().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'WEBSOCKET_FAILED' });
    expect(inspect(error, { depth: null })).not.toContain('canary');
  });

  it('is an error of its own where there are no WebSockets', async () => {
    vi.stubGlobal('WebSocket', undefined);
    await expect(dial()).rejects.toMatchObject({ code: 'WEBSOCKET_FAILED' });
  });

  it('closes what it began when it is given up, and begins nothing after that', async () => {
    const { opening, socket } = await begin();
    const why = new Error('given up');
    dialing.abort(why);
    await expect(opening).rejects.toBe(why);
    expect([socket.closes, socket.listeners]).toEqual([1, 0]);
    await expect(dial()).rejects.toBe(why);
    expect(FakeSocket.last).toBe(socket);
  });

  it("sec:S-29 refuses an authority of one's own: a page cannot make a browser trust it", () => {
    const target = { endpoint: 'a', port: 443 };
    expect(() => browserDialer.validate({ ...target, ca: 'ca.pem' })).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/^ca must be/) as string,
      }),
    );
    browserDialer.validate(target);
  });
});

describe('the stream', () => {
  it('gives what comes as bytes, counts it, and says when it ends', async () => {
    const { socket, stream, bytesRead } = await opened();
    const all = heard(stream, 'data', 'end', 'close');
    socket.happens('message', { data: Uint8Array.of(1, 2).buffer });
    socket.happens('message', { data: Uint8Array.of(3).buffer });
    expect(bytesRead()).toBe(3);
    socket.happens('close');
    await settled();
    expect(all).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3), 'end', 'close']);
    expect([stream.destroyed, socket.listeners]).toEqual([true, 0]);
  });

  it('takes bytes of another realm for bytes', async () => {
    const { socket, stream, bytesRead } = await opened();
    const all = heard(stream, 'data', 'error');
    socket.happens('message', { data: runInNewContext('Uint8Array.of(1, 2).buffer') as unknown });
    await settled();
    expect([all, bytesRead()]).toEqual([[Uint8Array.of(1, 2)], 2]);
  });

  it('fails over a text frame, and closes', async () => {
    const { socket, stream } = await opened();
    const all = heard(stream, 'error', 'close');
    socket.happens('message', { data: 'canary' });
    await settled();
    expect(all).toEqual([expect.objectContaining({ code: 'PROTOCOL_ERROR' }), 'close']);
    expect(String(all[0])).not.toContain('canary');
    expect([stream.errored, socket.closes]).toEqual([all[0], 1]);
  });

  it('gives the parser what is piped to it, until it is not', async () => {
    const { socket, stream } = await opened();
    const parsed: unknown[] = [];
    stream.pipe({ write: (bytes) => parsed.push(bytes) });
    socket.happens('message', { data: Uint8Array.of(1).buffer });
    stream.unpipe();
    socket.happens('message', { data: Uint8Array.of(2).buffer });
    expect(parsed).toEqual([Uint8Array.of(1)]);
  });

  it('hands over what is written at once; what is corked is one frame, before what comes after it', async () => {
    const { socket, stream } = await opened();
    let done = 0;
    stream.write(Buffer.from('one'), () => done++);
    expect([socket.sent, done]).toEqual([['one'], 0]);
    stream.cork();
    const reused = Buffer.from('two ');
    stream.write(reused);
    reused.fill(0);
    stream.write('drei€ ', 'utf8');
    stream.write(Buffer.from('four'), () => done++);
    expect(socket.sent).toEqual(['one']);
    await settled();
    expect([socket.sent, done]).toEqual([['one', 'two drei€ four'], 2]);
    stream.uncork();
    stream.write(Buffer.from('five'));
    expect(socket.sent).toEqual(['one', 'two drei€ four', 'five']);
  });

  it('tells what the browser still has, and when there is room again', async () => {
    const { socket, stream } = await opened();
    const drained = heard(stream, 'drain');
    socket.bufferedAmount = stream.writableHighWaterMark;
    expect(stream.write(Buffer.from('x'))).toBe(false);
    expect(stream.writableLength).toBe(stream.writableHighWaterMark);
    clock.advance(1_000);
    expect(drained).toEqual([]);
    socket.bufferedAmount = 1;
    clock.advance(20);
    expect(drained).toEqual(['drain']);
    expect(clock.pending).toBe(1);
    socket.bufferedAmount = 0;
    clock.advance(20);
    expect([drained.length, clock.pending]).toEqual([2, 0]);
    expect(stream.write(Buffer.from('y'))).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('sends what is left, then closes, and takes nothing more', async () => {
    const { socket, stream } = await opened();
    stream.cork();
    stream.write(Buffer.from('before '));
    stream.end(Buffer.from('DISCONNECT'));
    expect([socket.sent, socket.closes, stream.writable]).toEqual([['before DISCONNECT'], 1, false]);
    const all: unknown[] = [];
    expect(stream.write(Buffer.from('late'), (error) => all.push(error))).toBe(false);
    await settled();
    expect([socket.sent.length, all]).toEqual([1, [expect.any(Error)]]);
  });

  it('is freed once, and leaves no timer', async () => {
    const { socket, stream } = await opened();
    const all = heard(stream, 'error', 'end', 'close', 'drain');
    socket.bufferedAmount = 1_000_000;
    stream.write(Buffer.from('x'));
    const why = new Error('why');
    stream.destroy(why).destroy();
    await settled();
    expect([all, clock.pending, socket.listeners, stream.writableLength]).toEqual([[why, 'close'], 0, 0, 0]);
  });

  it('shows nothing of where it leads', async () => {
    const { stream } = await opened();
    expect(inspect(stream, { depth: null, showHidden: true })).not.toContain('canary');
    expect(JSON.stringify(stream)).not.toContain('canary');
  });
});
