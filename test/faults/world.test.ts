import { describe, expect, it, vi } from 'vitest';
import { createIotClient, type IotClient, type IotClientOptions, type Status } from '../../src/index.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { answer } from '../../src/testing/index.ts';
import { inWorld, inWorldOf, type World, type WorldOptions } from './support/world.ts';

describe('a world', () => {
  it('fault:I4 finds a PUBACK for what the broker never took', async () => {
    const test = inWorld(async (world, broker) => {
      broker.on({ packet: 'publish' }, ({ connection, packet }) =>
        connection.raw(connection.bytesOf({ cmd: 'puback', messageId: packet!.messageId! })),
      );
      await (await world.liveClient()).publish('a', 'b', { qos: 1 });
    });
    await expect(test).rejects.toThrow(/^Invariants are broken:\nI4 lost: \[ 'a [^\n]*$/);
  });

  it('fault:I5 finds a second connection of a client', async () => {
    const test = inWorld(async (world, broker) => {
      await world.liveClient({ clientId: 'twin' });
      await using twin = createIotClient(broker.clientOptions('twin'));
      await twin.connect();
    });
    await expect(test).rejects.toThrow('I5 2 connections');
  });

  it('fault:I8 finds a subscription that the broker does not have', async () => {
    const test = inWorld(async (world, broker) => {
      broker.on({ packet: 'subscribe' }, answer.reply({ cmd: 'suback', granted: [0] }));
      await (await world.liveClient()).subscribe('a', () => undefined);
    });
    await expect(test).rejects.toThrow('I8 a is not subscribed');
  });

  it('fault:I10 finds a secret in an error of a client, and one that is printed', async () => {
    const inError = inWorld(async (world, broker) => {
      const client = world.client({ secrets: ['127.0.0.1'] });
      broker.stopListening();
      const given = client.connect({ timeoutMs: 100 }).catch(() => undefined);
      await client.when('backingOff');
      world.clock.advance(100);
      await given;
    });
    await expect(inError).rejects.toThrow(/I10 secret 0 is in/);
    vi.spyOn(console, 'info').mockReturnValue();
    const printed = inWorld(async (world) => {
      world.client({ secrets: ['canary-7f3a'] });
      console.info('canary-7f3a');
    });
    await expect(printed).rejects.toThrow('I10 secret 0 is in a string');
  });

  /** A client, of whose face some parts lie. */
  const liar =
    (lies: (client: IotClient) => Partial<IotClient>) =>
    (options: IotClientOptions): IotClient => {
      const client = createIotClient(options);
      const told = lies(client);
      const lied = (key: PropertyKey): boolean => Object.hasOwn(told, key);
      return new Proxy(client, {
        get: (target, key) => {
          const value: unknown = Reflect.get(lied(key) ? told : target, key, lied(key) ? told : target);
          return typeof value === 'function'
            ? (value as () => unknown).bind(lied(key) ? told : target)
            : value;
        },
      });
    };

  it.each<[string, RegExp, (client: IotClient) => Partial<IotClient>]>([
    [
      'fault:I1 a promise that never settles',
      /I1 when\(\) is pending/,
      () => ({ when: () => new Promise(() => {}) }),
    ],
    [
      'fault:I7 a delay that is too long',
      /I7 waits for 99/,
      (client) => ({
        status: { ...client.status, state: 'backingOff', retryAt: 99_999, attempt: 1, reason: undefined },
      }),
    ],
    [
      'fault:I11 an event after the last one',
      /I11 status was emitted after closed/,
      (client) => ({
        on: ((event: 'status', listener: (status: Status) => unknown) =>
          client.on(event, (status) => {
            listener(status);
            listener(status);
          })) as IotClient['on'],
      }),
    ],
    [
      'fault:I12 a status that is left out',
      /I12 the status went connecting → draining/,
      (client) => ({
        async *statusChanges(): AsyncGenerator<Status, undefined> {
          for await (const status of client.statusChanges())
            if (status.state !== 'resubscribing') yield status;
          return undefined;
        },
      }),
    ],
  ])('finds %s', async (_what, says, lies) => {
    const test = inWorld(
      async (world) => {
        const client = world.client();
        const waiting = new AbortController();
        void client.when('failed', { signal: waiting.signal }).catch(() => undefined);
        await client.connect();
        waiting.abort(new Error('enough'));
        await world.settled();
      },
      { make: liar(lies) },
    );
    await expect(test).rejects.toThrow(says);
  });

  it('fault:I7 finds a try before its time that nobody asked for, and takes one that was asked for', async () => {
    const retrying = (nudge: (client: IotClient, bare: IotClient) => void) => {
      let bare: IotClient | undefined;
      return inWorld(
        async (world, broker) => {
          const client = await world.liveClient();
          await broker.dropConnections();
          await client.when('backingOff');
          nudge(client, bare!);
          await client.when('live');
        },
        { make: (options) => (bare = createIotClient(options)) },
      );
    };
    await retrying((client) => client.networkOnline());
    await expect(retrying((_client, bare) => bare.networkOnline())).rejects.toThrow(
      /I7 tries \d.* before retryAt/,
    );
  });

  it('fault:I8 does not take the word of a client for what it holds', async () => {
    const subscribing = (change: (bare: IotClient) => Promise<unknown>, loops = false) => {
      let bare: IotClient | undefined;
      return inWorld(
        async (world) => {
          const client = await world.liveClient();
          const mine = await client.subscribe('mine', () => undefined);
          await mine.unsubscribe();
          await client.subscribe('mine', () => undefined);
          await client.unsubscribe('mine');
          await client.subscribe('held', () => undefined);
          if (loops) {
            const loop = client.messages('loop')[Symbol.asyncIterator]();
            void loop.next();
            await client.subscribe('after', () => undefined);
            await loop.return?.();
          }
          await change(bare!);
        },
        { make: (options) => (bare = createIotClient(options)) },
      );
    };
    await subscribing(() => Promise.resolve(), true);
    await expect(subscribing((bare) => bare.unsubscribe('held'))).rejects.toThrow(
      'I8 held is not subscribed',
    );
    const stray = subscribing((bare) => bare.subscribe('stray', () => undefined));
    await expect(stray).rejects.toThrow('I8 stray is still subscribed');
  });

  it('fault:I9 finds a queue over its bound, whatever its client says', async () => {
    const test = inWorld(
      async (world) => {
        const client = world.client();
        for (let each = 1; each <= 21; each++) await client.publish('a', String(each), { qos: 1 });
      },
      {
        make: (options) =>
          liar((client) => ({
            get status() {
              return { ...client.status, queued: 0 };
            },
          }))({ ...options, offlineQueue: { maxMessages: 30 } }),
      },
    );
    await expect(test).rejects.toThrow('I9 21 messages wait');
  });

  it('fault:I6 finds a timer that is left behind', async () => {
    const test = inWorld(async (world) => {
      world.clock.setTimeout(() => {}, 1_000);
    });
    await expect(test).rejects.toThrow('I6 1 timers');
  });

  it('tells the failure of the test itself too', async () => {
    const test = inWorld(async (world) => {
      world.clock.setTimeout(() => {}, 1_000);
      throw new Error('the test failed');
    });
    await expect(test).rejects.toThrow(/the test failed[\s\S]*I6 1 timers/);
  });

  it('leaves out what a test says, with its reason, does not hold', async () => {
    const leaveTimer = (except: Record<string, string>) =>
      inWorld(
        async (world) => {
          world.clock.setTimeout(() => {}, 1_000);
        },
        { except },
      );
    await leaveTimer({ I6: 'the test leaves a timer on purpose' });
    await expect(leaveTimer({ I5: 'another one' })).rejects.toThrow('I6');
  });

  it('wants each message of a client to be told apart', async () => {
    const test = inWorld(async (world) => {
      const client = world.client();
      await client.publish('a', 'b', { qos: 1 });
      await client.publish('a', 'b', { qos: 1 });
    });
    await expect(test).rejects.toThrow(/was published before/);
  });
});

describe('a world on the local core', () => {
  const onCore = async (
    test: (world: World, core: LocalIotCore) => Promise<void>,
    options: WorldOptions = {},
  ) => {
    const core = await startLocalIotCore({
      plainPort: 0,
      limits: NO_RATE_LIMITS,
      onWarning: () => undefined,
    });
    try {
      await inWorldOf(core, (world) => test(world, core), options);
    } finally {
      await core.stop();
    }
  };

  it('judges what the core saw', () =>
    onCore(async (world, core) => {
      const client = await world.liveClient({ clientId: 'lamp' });
      await client.subscribe('a/#', { qos: 1 }, () => undefined);
      const puback = core.tap.hold({ packet: 'puback', clientId: 'lamp' });
      const publishing = client.publish('a/1', 'b', { qos: 1 });
      await puback.caught();
      await core.faults.dropConnections();
      puback.drop();
      await world.retry(client);
      await (await publishing).delivered;
      await client.when('live');
      expect(core.received.map(({ topic }) => topic)).toEqual(['a/1', 'a/1']);
    }));

  it('fault:I4 finds a message that the core did not get', async () => {
    const test = onCore(async (world, core) => {
      const client = await world.liveClient({ clientId: 'lamp' });
      await client.publish('a/1', 'b', { qos: 1 });
      Object.defineProperty(core, 'received', { value: [] });
    });
    await expect(test).rejects.toThrow(/I4 lost: \[ 'a\/1' \]/);
  });

  it('judges on the real clock too', () =>
    onCore(
      async (world, core) => {
        const client = await world.liveClient({ reconnect: { baseMs: 5, maxMs: 20 } });
        await core.faults.dropConnections();
        await client.when('backingOff');
        await client.when('live');
        expect(() => world.clock).toThrow(/by itself/);
      },
      { clock: 'real' },
    ));
});
