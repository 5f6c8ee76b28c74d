// Our WebSockets on those of mosquitto, which are not of Node. It reads no query, so a signature proves nothing there, and
// disturbs nothing. It looks at its WebSockets ten times a second only: what takes a round trip is slow here.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  type Authentication,
  customAuthorizer,
  type IotClientOptions,
  type Message,
  sigV4,
} from '../../src/index.ts';
import { FaultProxy } from '../../src/testing/fault-proxy.ts';
import { cleanHistory } from '../../src/testing/history-checker.ts';
import { makeAuthority, makeLeaf, type Pair } from '../support/certificates.ts';
import { freePort, Mosquitto } from '../support/mosquitto.mjs';
import { afterThisTest, hashed, IMPATIENT, Inbox, makeClient, nextReason, Traffic } from './support.ts';

const USER = { username: 'lamp', password: 'let me in' };
const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret', sessionToken: '/+='.repeat(400) };

let authority: Pair;
let server: Pair;

beforeAll(async () => {
  authority = await makeAuthority();
  server = await makeLeaf(authority);
});

/** A broker with TLS and WebSockets on a port of their own: without another listener beside it, it does not start. */
async function startWebSockets(settings: readonly string[]): Promise<number> {
  const port = await freePort();
  const broker = await Mosquitto.start({
    settings: [
      `listener ${port} 127.0.0.1`,
      'protocol websockets',
      // Else it listens to everybody.
      'socket_domain ipv4',
      ...['cafile ca', 'certfile cert', 'keyfile key', ...settings],
    ],
    files: { ca: authority.cert, ...server, passwords: `lamp:${hashed(USER.password)}\n` },
  });
  afterThisTest(() => broker.remove());
  return port;
}

const optionsOf = (port: number, clientId: string, auth: Authentication): IotClientOptions => ({
  ...{ ...IMPATIENT, endpoint: 'localhost', port, clientId, ca: authority.cert, auth },
});

describe.each([
  { name: 'MQTT 3.1.1', protocolVersion: 4 },
  { name: 'MQTT 5', protocolVersion: 5 },
] as const)('on the WebSockets of mosquitto, $name', ({ protocolVersion }) => {
  let brokerPort: number;
  const client = (clientId: string, { password = USER.password, port = brokerPort } = {}) => {
    const auth = customAuthorizer({ ...USER, password, webSocket: true });
    return makeClient({ ...optionsOf(port, clientId, auth), protocolVersion });
  };

  beforeEach(async () => {
    brokerPort = await startWebSockets(['allow_anonymous false', 'password_file passwords']);
  });

  it('py:W14 carries messages of every length that a frame can say, byte for byte', async () => {
    const lamp = client('lamp');
    await lamp.connect();
    const inbox = new Inbox<Message>();
    await lamp.subscribe('bytes', { qos: 1 }, inbox.put);
    const payloads = [0, 100, 300, 70_000].map((length) =>
      Buffer.from(Array.from({ length }, (_, index) => index % 256)),
    );
    for (const payload of payloads) await lamp.publish('bytes', payload, { qos: 1 });
    const received = await inbox.count(payloads.length);
    expect(received.map(({ payload }) => Buffer.from(payload))).toEqual(payloads);
  });

  it('comes back from cuts, and loses nothing', async () => {
    const proxy = await FaultProxy.start({ to: { host: '127.0.0.1', port: brokerPort } });
    afterThisTest(() => proxy.stop());
    const listener = client('listener');
    const lamp = client('lamp', { port: proxy.port });
    await Promise.all([listener.connect(), lamp.connect()]);
    const traffic = new Traffic('numbers');
    await traffic.receive(listener);
    for (let round = 0; round < 2; round++) {
      await lamp.when('live');
      traffic.publish(lamp, 20, round * 20);
      const reason = nextReason(lamp);
      proxy.cut();
      expect(await reason).toMatch(/^CONNECTION_/);
    }
    expect(await traffic.delivered(40)).toEqual(cleanHistory);
  });

  it('is told when user name and password are wrong', async () => {
    await expect(client('lamp', { password: 'wrong' }).connect()).rejects.toMatchObject({
      code: 'NOT_AUTHORIZED',
      reasonCode: protocolVersion === 4 ? 5 : 0x87,
    });
  });
});

it('a signed upgrade is one', async () => {
  const port = await startWebSockets(['allow_anonymous true']);
  const auth = sigV4({ credentials: KEYS, region: 'eu-west-1' });
  const lamp = makeClient(optionsOf(port, 'lamp', auth));
  await lamp.connect();
  expect((await lamp.publish('a', 'b', { qos: 1 })).state).toBe('delivered');
});
