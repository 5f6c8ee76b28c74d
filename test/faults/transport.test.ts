import { describe, expect, it } from 'vitest';
import { type IotClient, IotError, type Status } from '../../src/index.ts';
import { answer, type ScriptedBroker } from '../../src/testing/index.ts';
import { openBlackHole } from './support/black-hole.ts';
import { inWorld, type World } from './support/world.ts';

/** 1, 2, 4 … 32 seconds, not drawn, so that a test can name them. */
const LAW = { jitter: 'none' } as const;
const ATTEMPT_MS = 15_000;

/** The error that a promise rejects with. */
const failureOf = (promise: Promise<unknown>): Promise<IotError> =>
  promise.then(
    () => {
      throw new Error('expected a rejection, and it resolved');
    },
    (error: unknown) => {
      if (IotError.is(error)) return error;
      throw error;
    },
  );

/** The statuses of a client from now on. */
function statusesOf(client: IotClient): Status[] {
  const statuses: Status[] = [];
  client.on('status', (status) => statuses.push(status));
  return statuses;
}

const statesIn = (statuses: readonly Status[]): string[] => statuses.map(({ state }) => state);

/** Waits until a CONNECT has come on the connection of this number. */
function connected(broker: ScriptedBroker, connection: number): Promise<void> {
  return broker.when(() =>
    broker.log.some((record) => record.packet === 'connect' && record.connection === connection),
  );
}

/** Makes a port that refuses connections, with a client that tries. */
function refusedClient(world: World, broker: ScriptedBroker): IotClient {
  broker.stopListening();
  return world.client({ reconnect: LAW });
}

describe('nobody listens', () => {
  it('fault:A-1 is a reason to back off, and connect() stays pending until the broker is there', () =>
    inWorld(async (world, broker) => {
      const client = refusedClient(world, broker);
      let isConnected = false;
      const connecting = client.connect().then(() => {
        isConnected = true;
      });
      for (const delay of [1_000, 2_000, 4_000]) {
        expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'NETWORK_UNREACHABLE' } });
        expect(await world.retry(client)).toBe(delay);
      }
      await client.when('backingOff');
      expect(isConnected).toBe(false);
      await broker.listen();
      await world.retry(client);
      await connecting;
      await client.when('live');
    }));

  it('fault:A-1 connect() ends at its deadline, and the reason is what kept the line from coming up', () =>
    inWorld(async (world, broker) => {
      const client = refusedClient(world, broker);
      const failure = failureOf(client.connect({ timeoutMs: 2_500 }));
      await world.retry(client);
      await client.when('backingOff');
      world.clock.advance(1_500);
      expect(await failure).toMatchObject({ code: 'TIMEOUT', cause: { code: 'NETWORK_UNREACHABLE' } });
      expect(client.status.state).toBe('idle');
    }));

  it('fault:A-1 connect() ends with the reason of its signal, and nothing is dialed after it', () =>
    inWorld(async (world, broker) => {
      const client = refusedClient(world, broker);
      const stop = new AbortController();
      const enough = new Error('enough');
      const connecting = client.connect({ signal: stop.signal });
      await client.when('backingOff');
      stop.abort(enough);
      await expect(connecting).rejects.toBe(enough);
      await broker.listen();
      await world.pass(3_600_000);
      expect(broker.connections).toHaveLength(0);
    }));
});

describe('a broker that nothing comes back from', () => {
  it('fault:A-2 a SYN that nobody answers ends with the attempt, and its socket with it', () =>
    inWorld(async (world) => {
      await using hole = await openBlackHole();
      const sockets = () =>
        process
          .getActiveResourcesInfo()
          .filter((type) => type === 'TCPSocketWrap' || type === 'TCPConnectWrap');
      const before = sockets();
      const client = world.client({ port: hole.port, reconnect: LAW });
      const failure = failureOf(client.connect({ timeoutMs: ATTEMPT_MS + 500 }));
      await world.settled();
      expect(sockets().length).toBeGreaterThan(before.length);
      world.clock.advance(ATTEMPT_MS - 1);
      expect(client.status.state).toBe('connecting');
      world.clock.advance(1);
      expect(client.status).toMatchObject({ state: 'backingOff', reason: { code: 'ATTEMPT_TIMEOUT' } });
      await world.settled();
      expect(sockets()).toEqual(before);
      world.clock.advance(500);
      expect(await failure).toMatchObject({ code: 'TIMEOUT' });
    }));

  it.each([
    ['fault:A-3 RST as soon as it is connected', 'open', answer.reset(), 'CONNECTION_RESET'],
    ['fault:A-5 RST instead of CONNACK', 'connect', answer.reset(), 'CONNECTION_RESET'],
    ['fault:A-6 FIN as soon as it is connected', 'open', answer.close(), 'CLOSED_BEFORE_CONNACK'],
  ] as const)('%s: one status and one error each time, and longer delays', (_what, packet, how, code) =>
    inWorld(async (world, broker) => {
      broker.on({ packet, times: 4 }, how);
      const client = world.client({ reconnect: LAW });
      const statuses = statusesOf(client);
      const connecting = client.connect();
      const delays: number[] = [];
      for (let failure = 1; failure <= 4; failure++) {
        expect(await client.when('backingOff')).toMatchObject({ attempt: failure, reason: { code } });
        delays.push(await world.retry(client));
      }
      expect(delays).toEqual([1_000, 2_000, 4_000, 8_000]);
      await connecting;
      await client.when('live');
      const failed = Array.from({ length: 4 }, () => ['connecting', 'backingOff']).flat();
      expect(statesIn(statuses)).toEqual([...failed, 'connecting', 'resubscribing', 'draining', 'live']);
      expect(broker.connections).toHaveLength(5);
    }),
  );

  it('fault:A-5 over mutual TLS it is the same, and nothing shows the key or its passphrase (fault:I10)', () =>
    inWorld(
      async (world, broker) => {
        broker.on({ packet: 'connect', times: 2 }, answer.reset());
        const client = world.client({ reconnect: LAW });
        const connecting = client.connect();
        for (const delay of [1_000, 2_000]) {
          expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'CONNECTION_RESET' } });
          expect(await world.retry(client)).toBe(delay);
        }
        await connecting;
        await client.publish('a', 'b', { qos: 1 });
      },
      { tls: true },
    ));
});

describe('a CONNACK', () => {
  it('fault:A-7 one millisecond before the deadline connects', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'connect' }, answer.delay(ATTEMPT_MS - 1, world.clock), answer.serve());
      const client = world.client();
      const connecting = client.connect();
      await connected(broker, 1);
      world.clock.advance(ATTEMPT_MS - 1);
      await connecting;
      await client.when('live');
      expect(broker.connections).toHaveLength(1);
    }));

  it('fault:A-8 one millisecond after it comes to nobody: the socket is gone', () =>
    inWorld(async (world, broker) => {
      const late = answer.connack({});
      broker.on({ packet: 'connect', times: 1 }, answer.delay(ATTEMPT_MS + 1, world.clock), late);
      const client = world.client();
      const connecting = client.connect();
      await connected(broker, 1);
      world.clock.advance(ATTEMPT_MS);
      expect(client.status).toMatchObject({ state: 'backingOff', reason: { code: 'ATTEMPT_TIMEOUT' } });
      await broker.connections[0]!.closed;
      world.clock.advance(1);
      await world.settled();
      expect(broker.log.some(({ packet }) => packet === 'connack')).toBe(true);
      expect(client.status.state).toBe('backingOff');
      await world.retry(client);
      await connecting;
    }));

  it('fault:A-9 that never comes ends each attempt, and the next ones come ever later', () =>
    inWorld(async (world, broker) => {
      const hanging = broker.on({ packet: 'connect' }, answer.hang());
      const client = world.client({ reconnect: LAW });
      const connecting = client.connect();
      for (const [index, delay] of [1_000, 2_000, 4_000].entries()) {
        await connected(broker, index + 1);
        world.clock.advance(ATTEMPT_MS - 1);
        expect(client.status.state).toBe('connecting');
        world.clock.advance(1);
        expect(client.status).toMatchObject({ reason: { code: 'ATTEMPT_TIMEOUT', recovery: 'retry' } });
        expect(await world.retry(client)).toBe(delay);
      }
      await connected(broker, 4);
      hanging.remove();
      world.clock.advance(ATTEMPT_MS);
      await world.retry(client);
      await connecting;
    }));
});

describe('a CONNACK that refuses', () => {
  it.each([
    [1, 'UNSUPPORTED_PROTOCOL_VERSION', /protocolVersion/],
    [2, 'INVALID_CLIENT_ID', /clientId/],
  ] as const)(
    'fault:A-10 with %i is for the options to mend: one attempt, and what to do',
    (code, name, advice) =>
      inWorld(async (world, broker) => {
        broker.on({ packet: 'connect' }, answer.connack({ code }));
        const client = world.client();
        const failure = await failureOf(client.connect());
        expect(failure).toMatchObject({ code: name, recovery: 'fatal', reasonCode: code });
        expect(failure.remediation).toMatch(advice);
        expect(client.status).toMatchObject({ state: 'failed', reason: { code: name } });
        await world.pass(86_400_000);
        expect(broker.connections).toHaveLength(1);
      }),
  );

  it.each([
    [4, 'BAD_CREDENTIALS', [1_000, 32_000, 32_000]],
    [5, 'NOT_AUTHORIZED', [32_000, 32_000, 32_000]],
  ] as const)(
    'fault:A-10 with %i is told once, and tried slowly until somebody has mended it',
    (code, name, delays) =>
      inWorld(async (world, broker) => {
        const refusing = broker.on({ packet: 'connect' }, answer.connack({ code }));
        const client = world.client({ reconnect: LAW });
        const failure = failureOf(client.connect());
        const waited: number[] = [];
        for (const _ of delays) {
          expect(await client.when('backingOff')).toMatchObject({ reason: { code: name } });
          waited.push(await world.retry(client));
        }
        expect(waited).toEqual(delays);
        expect(await failure).toMatchObject({ code: name });
        await client.when('backingOff');
        refusing.remove();
        await world.retry(client);
        await client.when('live');
      }),
  );

  it('fault:A-10 with 3 is a busy server: connect() goes on as if nobody had listened', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'connect', times: 3 }, answer.connack({ code: 3 }));
      const client = world.client({ reconnect: LAW });
      const connecting = client.connect();
      for (const delay of [1_000, 2_000, 4_000]) {
        expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'SERVER_UNAVAILABLE' } });
        expect(await world.retry(client)).toBe(delay);
      }
      await connecting;
    }));
});
