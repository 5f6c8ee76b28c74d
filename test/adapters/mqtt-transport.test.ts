import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Authentication, OpenedStream } from '../../src/adapters/index.ts';
import { type BrokerConnection, connack } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { turn } from './live-line.ts';
import { openTestLine, type TestLine, type TestOptions, testTransport } from './test-line.ts';

async function connected(peer: ScriptedBroker, options: Partial<TestOptions> = {}) {
  const line = openTestLine({ port: peer.port, ...options });
  const there = await peer.connection();
  await there.accept();
  await line.until('transport.connected');
  return { line, there };
}

/** A sign-in of which the test plays the stream. */
function playedBy(open: (signal: AbortSignal) => Promise<OpenedStream>): Authentication {
  return {
    kind: 'plainTcp',
    defaultPort: () => 1883,
    validate: () => {},
    signIn: () => Promise.resolve(open),
  };
}

describe('an attempt', () => {
  test('sends CONNECT as the options say', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const payload = Buffer.from('gone');
    using line = openTestLine({
      port: peer.port,
      clean: false,
      keepAliveSeconds: 77,
      will: { topic: 'lamps/will', payload, qos: 1, retain: true },
    });
    const connect = await (await peer.connection()).accept({ sessionPresent: true });
    expect(connect).toMatchObject({
      clientId: 'kitchen-lamp',
      clean: false,
      keepalive: 77,
      protocolVersion: 4,
    });
    expect(connect.will).toMatchObject({ topic: 'lamps/will', payload, qos: 1, retain: true });
    expect(await line.until('transport.connected')).toMatchObject({
      session: { sessionPresent: true, receiveMaximum: 65_535 },
    });
  });

  test('tells its facts in order, with the wire attached before connected and detached before closed', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there } = await connected(peer);
    there.end();
    expect(await line.error('transport.closed')).toMatchObject({ code: 'CONNECTION_LOST' });
    await turn();
    expect(line.story).toEqual([
      'transport.signedIn',
      'attach',
      'transport.connected',
      'detach',
      'transport.closed',
    ]);
  });

  test('mqttjs:B10 uses options of its own, so that one attempt does not change the next', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const transport = testTransport({ port: peer.port, protocolVersion: 5 });
    for (let attempt = 0; attempt < 2; attempt++) {
      using line = transport.open();
      const there = await peer.connection();
      expect(await there.next('connect')).toMatchObject({ keepalive: 30, protocolVersion: 5 });
      there.send({
        ...connack(),
        cmd: 'connack',
        properties: { serverKeepAlive: 99, receiveMaximum: 7 },
      } as never);
      expect(await line.until('transport.connected')).toMatchObject({ session: { receiveMaximum: 7 } });
    }
  });

  test('fault:A-1 nothing listens', async () => {
    const peer = await ScriptedBroker.start({ automatic: false });
    await peer.stop();
    using line = openTestLine({ port: peer.port });
    const error = await line.error('transport.failed');
    expect(error).toMatchObject({ code: 'NETWORK_UNREACHABLE', recovery: 'retry' });
    expect(error.message).toContain(`127.0.0.1:${peer.port}`);
    expect(line.story).toEqual(['transport.signedIn', 'transport.failed']);
  });

  test.each([
    ['fault:A-3 RST at once', (there: BrokerConnection) => there.reset()],
    ['fault:A-6 FIN at once', (there: BrokerConnection) => there.end()],
  ])('%s fails the attempt once', async (_, act) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port });
    act(await peer.connection());
    expect((await line.error('transport.failed')).recovery).toBe('retry');
    await turn();
    expect(line.story.filter((fact) => fact !== 'transport.signedIn')).toEqual(['transport.failed']);
  });

  test.each([
    ['fault:A-5 RST', 'CONNECTION_RESET', (there: BrokerConnection) => there.reset()],
    ['fault:A-5 FIN', 'CLOSED_BEFORE_CONNACK', (there: BrokerConnection) => there.end()],
  ])('%s between CONNECT and CONNACK', async (_, code, act) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port });
    const there = await peer.connection();
    await there.next('connect');
    act(there);
    expect(await line.error('transport.failed')).toMatchObject({ code, recovery: 'retry' });
    await turn();
    expect(line.story).toEqual(['transport.signedIn', 'transport.failed']);
  });

  test.each([
    [1, 'UNSUPPORTED_PROTOCOL_VERSION', 'fatal'],
    [2, 'INVALID_CLIENT_ID', 'fatal'],
    [3, 'SERVER_UNAVAILABLE', 'retry'],
    [4, 'BAD_CREDENTIALS', 'reauthenticate'],
    [5, 'NOT_AUTHORIZED', 'retrySlowly'],
    [99, 'CONNECTION_REFUSED', 'retrySlowly'],
  ])('fault:A-10 mqttjs:B3 CONNACK %i is %s, and the socket is closed', async (code, expected, recovery) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port });
    const there = await peer.connection();
    await there.accept({ code });
    expect(await line.error('transport.failed')).toMatchObject({ code: expected, recovery });
    await there.closed;
    expect(line.story).toEqual(['transport.signedIn', 'transport.failed']);
  });

  test('fault:A-11 the reason codes of MQTT 5 have the same meaning', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port, protocolVersion: 5 });
    await (await peer.connection()).accept({ code: 0x87 });
    expect(await line.error('transport.failed')).toMatchObject({ code: 'NOT_AUTHORIZED' });
  });

  test('fault:A-12 CONNACK may come byte by byte', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port });
    const there = await peer.connection();
    await there.next('connect');
    for (const byte of there.bytesOf(connack())) {
      there.raw(Uint8Array.of(byte));
      await turn();
    }
    await line.until('transport.connected');
  });

  test('fault:A-12 CONNACK and PUBLISH in one segment: connected is told first', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port });
    const there = await peer.connection();
    await there.next('connect');
    there.send(connack(), publish(0, 'early'));
    expect((await line.message(0)).payload.toString()).toBe('early');
    expect(line.story.at(-1)).toBe('transport.connected');
  });

  test('a certificate refused right after the handshake (TLS 1.3) is not missed', async () => {
    const refused = Object.assign(new Error('alert'), { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' });
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    stream.on('error', () => {});
    stream.destroy(refused);
    await turn();
    const authentication = playedBy(async () => ({ stream, bytesRead: () => 0 }));
    using line = openTestLine({ port: 1, authentication });
    expect(await line.error('transport.failed')).toMatchObject({ code: 'CLIENT_CERTIFICATE_REFUSED' });
  });

  test('a sign-in that throws nonsense fails the attempt as INTERNAL', async () => {
    const never = playedBy(() => new Promise(() => {}));
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    const authentication = { ...never, signIn: () => Promise.reject('nonsense') };
    using line = openTestLine({ port: 1, authentication });
    expect(await line.error('transport.failed')).toMatchObject({ code: 'INTERNAL', cause: 'nonsense' });
    expect(line.story).toEqual(['transport.failed']);
  });
});

describe('the pace of CONNECTs', () => {
  test('fault:C-7 two lie at least connectIntervalMs apart', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const clock = new SimulatedClock(5_000);
    const transport = testTransport({ port: peer.port, clock, connectIntervalMs: 1_000 });
    const first = transport.open();
    await (await peer.connection()).accept({ code: 3 });
    await first.until('transport.failed');
    clock.advance(300);

    using second = transport.open();
    await turn();
    expect(second.story).toEqual([]);
    expect(clock.nextIn).toBe(700);
    clock.advance(700);
    await second.until('transport.signedIn');
    await (await peer.connection()).accept();
    await second.until('transport.connected');
  });

  test('an attempt that never sent CONNECT delays nobody, and one that waits can be freed', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const clock = new SimulatedClock();
    const transport = testTransport({ port: peer.port, clock, connectIntervalMs: 1_000 });
    transport.open().free();
    const second = transport.open();
    await (await peer.connection()).accept({ code: 3 });
    await second.until('transport.failed');
    const third = transport.open();
    await turn();
    expect(clock.pending).toBe(1);
    third.free();
    expect(clock.pending).toBe(0);
    await turn();
    expect(third.story).toEqual([]);
  });
});

describe('free', () => {
  async function freedWhen(
    reach: (line: TestLine, peer: ScriptedBroker) => Promise<void>,
  ): Promise<TestLine> {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const clock = new SimulatedClock();
    const line = openTestLine({ port: peer.port, clock });
    await reach(line, peer);
    const told = line.story.length;
    line.free();
    line.free();
    await Promise.all(peer.connections.map((there) => there.closed));
    await turn();
    expect(clock.pending).toBe(0);
    expect(line.story.slice(told).filter((entry) => entry !== 'detach')).toEqual([]);
    return line;
  }

  test('while signing in', () => freedWhen(async () => {}));

  test('while dialing', () => freedWhen((line) => line.until('transport.signedIn').then(() => {})));

  test('fault:A-8 while CONNACK is awaited: a late one is ignored', () =>
    freedWhen(async (line, peer) => {
      const there = await peer.connection();
      await there.next('connect');
      there.send(connack());
      line.free();
      await there.closed;
    }));

  test('while connected: the wire is detached once, and no DISCONNECT is sent', async () => {
    const line = await freedWhen(async (reached, peer) => {
      await (await peer.connection()).accept();
      await reached.until('transport.connected');
    });
    expect(line.story.filter((entry) => entry === 'detach')).toHaveLength(1);
  });

  test('fault:A-2 mqttjs:B4 aborts a dial that hangs', async () => {
    let aborted: unknown;
    const authentication = playedBy(
      (signal) => new Promise(() => signal.addEventListener('abort', () => (aborted = true))),
    );
    const line = openTestLine({ port: 1, authentication });
    await line.until('transport.signedIn');
    line.free();
    expect(aborted).toBe(true);
  });

  test('destroys a stream that is ready too late', async () => {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    let ready: (opened: OpenedStream) => void = () => {};
    const authentication = playedBy(() => new Promise((resolve) => (ready = resolve)));
    const line = openTestLine({ port: 1, authentication });
    await line.until('transport.signedIn');
    line.free();
    ready({ stream, bytesRead: () => 0 });
    await turn();
    expect(stream.destroyed).toBe(true);
    expect(line.story).toEqual(['transport.signedIn']);
  });

  test('from within each fact', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    for (const type of ['transport.signedIn', 'transport.connected'] as const) {
      const line = openTestLine({ port: peer.port });
      line.onFact = (fact) => fact.type === type && line.free();
      if (type === 'transport.connected') await (await peer.connection()).accept();
      await line.until(type);
      await turn();
      expect(line.facts.at(-1)?.type).toBe(type);
      expect(line.story.filter((entry) => entry === 'attach' || entry === 'detach')).toEqual(
        type === 'transport.connected' ? ['attach', 'detach'] : [],
      );
    }
  });

  test('from within attach: nothing is told, and the wire is detached', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const line = openTestLine({
      port: peer.port,
      attach: () => {
        line.free();
        return {
          detach: ({ error }) => {
            line.story.push('detach');
            return error;
          },
        };
      },
    });
    const there = await peer.connection();
    await there.accept();
    await there.closed;
    expect(line.story).toEqual(['transport.signedIn', 'detach']);
  });
});

describe('disconnect', () => {
  test('mqttjs:B20 mqttjs:B2 sends DISCONNECT after what was written, although publishes are open, then FIN', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there } = await connected(peer);
    line.live.publish({ topic: 'a', payload: 'last', qos: 1, retain: false }, () => {});
    line.disconnect();
    line.disconnect();
    await there.next('disconnect');
    expect(there.received.map((packet) => packet.cmd)).toEqual(['connect', 'publish', 'disconnect']);
    await there.closed;
    expect(await line.error('transport.closed')).toMatchObject({ code: 'DISCONNECTED' });
    expect(line.story.slice(-2)).toEqual(['detach', 'transport.closed']);
  });

  test('says that it was asked for, also when the broker answers with a reset', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there } = await connected(peer);
    line.disconnect();
    await there.next('disconnect');
    there.reset();
    expect(await line.error('transport.closed')).toMatchObject({ code: 'DISCONNECTED' });
  });

  test('after it nothing is sent or received; a PUBACK on its way still counts', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false, allowHalfOpen: true });
    const { line, there } = await connected(peer);
    let acknowledged = 0;
    line.live.publish({ topic: 'a', payload: 'x', qos: 1, retain: false }, () => acknowledged++);
    const { messageId } = await there.next('publish');
    line.disconnect();
    line.live.publish({ topic: 'b', payload: 'x', qos: 0, retain: false }, () => acknowledged++);
    await expect(line.live.subscribe([{ filter: 'a', qos: 0 }])).rejects.toMatchObject({
      code: 'DISCONNECTED',
    });
    await there.next('disconnect');
    there.send(publish(0, 'late'), publish(1, 'late', 5), { cmd: 'puback', messageId: messageId as number });
    there.end();
    await line.until('transport.closed');
    expect(acknowledged).toBe(1);
    expect(line.messages).toEqual([]);
    expect(there.count('puback')).toBe(0);
  });

  test('before CONNACK it closes without DISCONNECT, and the attempt has failed', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port });
    const there = await peer.connection();
    await there.next('connect');
    line.disconnect();
    await there.closed;
    expect(await line.error('transport.failed')).toMatchObject({ code: 'DISCONNECTED' });
    expect(there.count('disconnect')).toBe(0);
  });

  test('a broker that never closes is left to the machine, which frees the line', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false, allowHalfOpen: true });
    const { line, there } = await connected(peer);
    line.disconnect();
    await there.next('disconnect');
    line.free();
    expect(line.facts.at(-1)?.type).toBe('transport.connected');
    expect(line.story.at(-1)).toBe('detach');
  });
});

describe('callbacks that throw', () => {
  const fault = new Error('a fault of the user');

  test('attach: the attempt fails, nothing was attached', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({
      port: peer.port,
      attach: () => {
        throw fault;
      },
    });
    const there = await peer.connection();
    await there.accept();
    expect(await line.error('transport.failed')).toMatchObject({ code: 'INTERNAL', cause: fault });
    await there.closed;
  });

  test('detach: closed is reported all the same', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there } = await connected(peer, {
      attach: () => ({
        detach: () => {
          throw fault;
        },
      }),
    });
    there.end();
    await line.until('transport.closed');
  });

  test('onMessage: the line lives, the message is acknowledged', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    let calls = 0;
    const { line, there } = await connected(peer, {
      onMessage: () => {
        calls++;
        throw fault;
      },
    });
    there.send(publish(1, 'one', 7), publish(1, 'two', 8));
    expect(await there.next('puback')).toMatchObject({ messageId: 7 });
    expect(await there.next('puback')).toMatchObject({ messageId: 8 });
    expect(calls).toBe(2);
    line.free();
  });

  test('a PUBACK handler: the line ends', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there } = await connected(peer);
    line.live.publish({ topic: 'a', payload: '', qos: 1, retain: false }, () => {
      throw fault;
    });
    there.send({ cmd: 'puback', messageId: (await there.next('publish')).messageId as number });
    expect(await line.error('transport.closed')).toMatchObject({ code: 'INTERNAL', cause: fault });
  });

  test('whoever listens to the facts: the line ends, and the process lives', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const line = openTestLine({ port: peer.port });
    line.onFact = (fact) => {
      if (fact.type !== 'transport.signedIn') throw fault;
    };
    const there = await peer.connection();
    await there.accept();
    await there.closed;
    expect(line.facts.map((fact) => fact.type)).toEqual([
      'transport.signedIn',
      'transport.connected',
      'transport.closed',
    ]);
  });
});

function publish(qos: 0 | 1 | 2, payload: string, messageId?: number) {
  return {
    cmd: 'publish' as const,
    topic: 'plants/basil',
    payload,
    qos,
    retain: false,
    dup: false,
    ...(messageId === undefined ? {} : { messageId }),
  };
}
