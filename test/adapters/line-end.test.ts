import type tls from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { mutualTls } from '../../src/adapters/index.ts';
import { IotError } from '../../src/protocol/errors.ts';
import type { LineEnd } from '../../src/protocol/transport.ts';
import type { BrokerConnection } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { makeAuthority, makeLeaf, type Pair } from '../support/certificates.ts';
import { turn } from './live-line.ts';
import { openTestLine, type TestLine, type TestOptions } from './test-line.ts';

let authority: Pair;
let server: Pair;
let device: Pair;

beforeAll(async () => {
  authority = await makeAuthority();
  server = await makeLeaf(authority);
  device = await makeLeaf(authority, { name: 'kitchen-lamp' });
});

const WAYS = ['TCP', 'TLS 1.2', 'TLS 1.3'] as const;
type Way = (typeof WAYS)[number];

interface Live extends AsyncDisposable {
  readonly line: TestLine;
  readonly there: BrokerConnection;
  readonly clock: SimulatedClock;
}

async function live(way: Way, options: Partial<TestOptions> = {}): Promise<Live> {
  const maxVersion = way === 'TLS 1.2' ? 'TLSv1.2' : 'TLSv1.3';
  const withTls: tls.TlsOptions = { ...server, ca: authority.cert, requestCert: true, maxVersion };
  const peer = await ScriptedBroker.start({ automatic: false, ...(way === 'TCP' ? {} : { tls: withTls }) });
  const clock = new SimulatedClock();
  const signIn = { endpoint: 'localhost', ca: authority.cert, authentication: mutualTls(device) };
  const line = openTestLine({ port: peer.port, clock, ...(way === 'TCP' ? {} : signIn), ...options });
  const there = await peer.connection();
  await there.accept();
  await line.until('transport.connected');
  return {
    line,
    there,
    clock,
    async [Symbol.asyncDispose]() {
      line.free();
      await peer.stop();
    },
  };
}

describe.each(WAYS)('over %s, how the line ended', (way) => {
  test('FIN: closed', async () => {
    await using connection = await live(way);
    connection.there.end();
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'closed', error: { code: 'CONNECTION_LOST' } });
  });

  test('RST: reset', async () => {
    await using connection = await live(way);
    connection.there.reset();
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'reset', error: { code: 'CONNECTION_LOST' } });
  });

  test('FIN behind a message: it is delivered, then closed', async () => {
    await using connection = await live(way);
    connection.there.send({ cmd: 'publish', topic: 'a', payload: 'x', qos: 0, retain: false, dup: false });
    connection.there.end();
    await connection.line.until('transport.closed');
    expect(connection.line.messages).toHaveLength(1);
    expect(connection.line.ended?.how).toBe('closed');
  });

  test('a DISCONNECT packet, and then only silence (fault:C-10): closed, at once', async () => {
    await using connection = await live(way, { protocolVersion: 5 });
    connection.there.send({ cmd: 'disconnect', reasonCode: 0x98 });
    await connection.line.until('transport.closed');
    expect(connection.line.ended?.how).toBe('closed');
    await connection.there.closed;
  });

  test('a broker that reads nothing and resets: reset, however much was written', async () => {
    await using connection = await live(way);
    connection.there.stream.pause();
    const payload = Buffer.alloc(131_072);
    for (let i = 0; i < 100; i++) {
      connection.line.live.publish({ topic: 'a', payload, qos: 1, retain: false }, () => {});
      await turn();
    }
    connection.there.reset();
    await connection.line.until('transport.closed');
    expect(connection.line.ended?.how).toBe('reset');
  });

  test('a broker that closes with bytes of ours unread, as on a publish that it does not allow: reset or closed', async () => {
    await using connection = await live(way);
    connection.there.stream.pause();
    const payload = Buffer.alloc(131_072);
    connection.line.live.publish({ topic: 'a', payload, qos: 1, retain: false }, () => {});
    await turn();
    connection.there.stream.destroy();
    await connection.line.until('transport.closed');
    expect(connection.line.ended?.how).toMatch(/^(reset|closed)$/);
  });

  test('no byte after a ping: given up', async () => {
    await using connection = await live(way);
    connection.clock.advance(35_000);
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'givenUp', error: { code: 'PING_TIMEOUT' } });
  });

  test('free(): given up, and nothing is reported', async () => {
    await using connection = await live(way);
    connection.line.free();
    expect(connection.line.ended).toMatchObject({ how: 'givenUp', error: { code: 'CONNECTION_LOST' } });
    expect(connection.line.facts.at(-1)?.type).toBe('transport.connected');
  });

  test.each<[string, (there: BrokerConnection) => void]>([
    ['closes', (there) => there.end()],
    ['resets', (there) => there.reset()],
  ])('disconnect(), and the broker %s: given up', async (_, act) => {
    await using connection = await live(way);
    connection.line.disconnect();
    await connection.there.next('disconnect');
    act(connection.there);
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'givenUp', error: { code: 'DISCONNECTED' } });
  });

  test('a broken packet: given up', async () => {
    await using connection = await live(way);
    connection.there.raw(Uint8Array.of(0, 0));
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'givenUp', error: { code: 'PROTOCOL_ERROR' } });
  });
});

test.each(['TLS 1.2', 'TLS 1.3'] as const)(
  'over %s, FIN without a close_notify is a close like any other',
  async (way) => {
    await using connection = await live(way);
    connection.there.endTcp();
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'closed', error: { code: 'CONNECTION_LOST' } });
  },
);

test('the end names the filters of each SUBSCRIBE that had no SUBACK, in order, and of no other', async () => {
  await using connection = await live('TCP');
  const { wire } = connection.line;
  const subscribe = (...filters: string[]) =>
    wire?.subscribe(filters.map((filter) => ({ filter, qos: 1 }))).catch(() => {});
  void subscribe('answered');
  void subscribe('a/#', 'b');
  void wire?.unsubscribe(['c']).catch(() => {});
  void subscribe('d');
  const { messageId } = await connection.there.next('subscribe');
  connection.there.send({ cmd: 'suback', messageId: messageId as number, granted: [1] });
  connection.there.end();
  await connection.line.until('transport.closed');
  expect(connection.line.ended?.unansweredFilters).toEqual(['a/#', 'b', 'd']);
});

test('what detach() returns is what is reported', async () => {
  const really = new IotError('DUPLICATE_CLIENT_ID', 'somebody else has this id');
  const ends: LineEnd[] = [];
  await using connection = await live('TCP', {
    attach: () => ({
      detach: (end) => {
        ends.push(end);
        return really;
      },
    }),
  });
  connection.there.end();
  expect(await connection.line.error('transport.closed')).toBe(really);
  expect(ends).toMatchObject([{ how: 'closed', unansweredFilters: [], error: { code: 'CONNECTION_LOST' } }]);
});
