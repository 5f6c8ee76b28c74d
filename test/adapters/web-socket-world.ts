import { createHash } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { afterEach, beforeAll, beforeEach } from 'vitest';
import type { WebSocket } from 'ws';
import { createSigV4 } from '../../src/adapters/sigv4.ts';
import { wsDialer } from '../../src/adapters/ws-dialer.ts';
import type { IotError } from '../../src/protocol/errors.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { makeAuthority, makeLeaf, type Pair } from '../support/certificates.ts';
import { type Upgrade, WebSocketFront } from '../support/web-socket-front.ts';
import { openTestLine, type TestLine, type TestOptions } from './test-line.ts';

/** Of each signature, so that what leaks can be found. */
export const QUERY = 'X-Amz-Signature=canary&X-Amz-Security-Token=canary';

/** Signs by rote: what a signature is, is tested elsewhere. */
const signIn = () =>
  createSigV4(
    {
      sign: () => Promise.resolve(`/mqtt?${QUERY}`),
      dialer: wsDialer,
      source: { isRenewable: false, get: () => Promise.resolve({ accessKeyId: 'A', secretAccessKey: 'B' }) },
    },
    { region: 'us-east-1' },
  );

/** A client's line, and the server's end of it. */
interface Live extends Disposable {
  readonly line: TestLine;
  readonly upgrade: Upgrade;
  readonly there: WebSocket;
  /** The packets of the client. */
  readonly received: Packet[];
  readonly clock: SimulatedClock;
  next(cmd: Packet['cmd']): Promise<Packet>;
  send(packet: Packet): void;
}

/** A server of WebSockets, and the clients that sign in to it. */
class WebSocketWorld {
  authority!: Pair;
  server!: Pair;
  front!: WebSocketFront;

  openLine(options: Partial<TestOptions> = {}): TestLine {
    return openTestLine({
      ...{ endpoint: 'localhost', port: this.front.port, ca: this.authority.cert },
      authentication: signIn(),
      ...options,
    });
  }

  /** A line whose server's end is in the hands of the test. */
  async live(options: Partial<TestOptions> = {}): Promise<Live> {
    this.front.onUpgrade = () => {};
    const clock = new SimulatedClock();
    const line = this.openLine({ clock, ...options });
    const upgrade = await this.front.upgrade(this.front.upgrades.length);
    const there = upgrade.accept();
    const received: Packet[] = [];
    const parser = mqttPacket.parser().on('packet', (packet) => received.push(packet));
    there.on('message', (bytes: Buffer) => parser.parse(bytes));
    const next = async (cmd: Packet['cmd']): Promise<Packet> => {
      for (;;) {
        const found = received.findIndex((one) => one.cmd === cmd);
        if (found >= 0) return received.splice(found, 1)[0] as Packet;
        await once(there, 'message');
      }
    };
    const send = (packet: Packet): void => there.send(mqttPacket.generate(packet));
    await next('connect');
    send({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    await line.until('transport.connected');
    return { line, upgrade, there, received, clock, next, send, [Symbol.dispose]: () => line.free() };
  }

  /** How an attempt fails when its upgrade is treated so. */
  async failureOf(onUpgrade: (upgrade: Upgrade) => void): Promise<IotError> {
    this.front.onUpgrade = onUpgrade;
    using line = this.openLine();
    return await line.error('transport.failed');
  }
}

/** One authority for the tests of a file, and a server for each. */
export function useWebSockets(): WebSocketWorld {
  const world = new WebSocketWorld();
  beforeAll(async () => {
    world.authority = await makeAuthority();
    world.server = await makeLeaf(world.authority);
  });
  beforeEach(async () => {
    world.front = await WebSocketFront.start({ ...world.server });
  });
  afterEach(() => world.front[Symbol.asyncDispose]());
  return world;
}

export const publish = (payload: string | Buffer): Packet => ({
  ...{ cmd: 'publish', topic: 'a', payload, qos: 0, retain: false, dup: false },
});

/** Resolves at `close`, whatever error comes before it. */
export const closed = (emitter: EventEmitter): Promise<unknown[]> =>
  new Promise((resolve) => emitter.once('close', (...facts) => resolve(facts)));

export const accepted = ({ request }: Upgrade, headers: readonly string[], key?: string): string => {
  const given = key ?? `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const digest = createHash('sha1').update(given).digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', ...headers];
  return [...lines, `Sec-WebSocket-Accept: ${digest}`, '', ''].join('\r\n');
};
