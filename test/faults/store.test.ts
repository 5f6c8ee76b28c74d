import * as fs from 'node:fs/promises';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Level } from 'level';
import { describe, expect, it, vi } from 'vitest';
import { type IotClient, type LevelStoreOptions, levelStore } from '../../src/index.ts';
import { ScriptedBroker, SimulatedClock } from '../../src/testing/index.ts';
import { failureOf } from '../client/support.ts';
import { cutCopy, everythingIn, freshPath, levelFiles, newestLog } from '../support/level-world.ts';
import { startDevice } from './support/device-process.ts';
import { inWorld, type World } from './support/world.ts';

// As they are, but for what a test says of one call: root may do everything, so that a mode refuses it nothing.
vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  return { ...original, mkdir: vi.fn(original.mkdir) };
});

const UNPACED = { perSecond: Number.POSITIVE_INFINITY } as const;
/** The harness looks at one client at a time. */
const LIVES = { except: { I4: 'what one process has accepted, the next one delivers' } };

const topicsOf = (broker: ScriptedBroker): string[] => broker.messages.map(({ topic }) => topic);
const queuedIn = (client: IotClient): string[] => [...client.queue].map(({ topic }) => topic);
const named = (count: number): string[] => Array.from({ length: count }, (_, index) => `t${index + 1}`);

function clientAt(
  world: World,
  directory: string,
  sync: LevelStoreOptions['sync'] = 'never',
  more: { readonly clock?: SimulatedClock } = {},
): IotClient {
  const store = levelStore({ directory, sync });
  const offlineQueue = { maxMessages: Number.POSITIVE_INFINITY, drain: UNPACED, store };
  return world.client({ offlineQueue, reconnect: { jitter: 'none' }, ...more });
}

async function publishAll(client: IotClient, topics: readonly string[]): Promise<void> {
  for (const topic of topics) await client.publish(topic, '', { qos: 1 });
}

/** What a client that delivers nothing finds in a store. */
async function foundAt(world: World, directory: string): Promise<string[]> {
  const client = clientAt(world, directory);
  expect((await client.queue.recovered).missing).toBe(0);
  const topics = queuedIn(client);
  await client.close();
  return topics;
}

describe('fault:F-3 kill -9', () => {
  it('while it appends, opens, and drains: all that was accepted is there, in order, and twice only the end of what had come', () =>
    inWorld(async (world, broker) => {
      const directory = await freshPath();
      const appending = startDevice({ directory, publishes: 1_000_000 });
      await appending.shows('kept 300');
      appending.kill('SIGKILL');
      const { output } = await appending.end;
      const kept = Math.max(...[...output.matchAll(/^kept (\d+)$/gm)].map(([, number]) => Number(number)));

      const opening = startDevice({ directory });
      await opening.shows('opening');
      opening.kill('SIGKILL');
      await opening.end;

      const draining = startDevice({ directory, port: broker.port });
      await broker.when(() => broker.messages.length >= 150);
      draining.kill('SIGKILL');
      await draining.end;

      const last = clientAt(world, directory);
      const { messages, missing } = await last.queue.recovered;
      await last.connect();
      const brought = () => broker.messages.filter(({ connection }) => connection > 1);
      await broker.when(() => brought().length === messages);
      await world.settled();
      const all = [...new Set(topicsOf(broker))];
      expect(missing).toBe(0);
      expect(all).toEqual(named(all.length));
      // It may have been killed after the write and before it could say so.
      expect(all.length).toBeGreaterThanOrEqual(kept);
      // In flight, or acknowledged and not yet taken out of the store: how many the disk decides, but none from the middle.
      expect(brought().map(({ topic }) => topic)).toEqual(all.slice(all.length - messages));
    }, LIVES));
});

describe('fault:F-4 a power cut', () => {
  /** Notes which writes waited for the disk, and how much of the log was safe then. */
  function watchDisk(directory: string) {
    const watched = { synced: [] as boolean[], safeBytes: 0 };
    const batch: unknown = Reflect.get(Level.prototype, 'batch');
    vi.spyOn(Level.prototype, 'batch').mockImplementation(async function (this: Level, ...call: unknown[]) {
      await Reflect.apply(batch as () => unknown, this, call);
      const { sync } = call[1] as { sync: boolean };
      if (sync) watched.safeBytes = (await stat(await newestLog(directory))).size;
      watched.synced.push(sync);
    } as never);
    return watched;
  }

  /** What the next process finds when all is lost that nobody waited for. */
  async function afterPowerCut(world: World, directory: string, safeBytes: number): Promise<string[]> {
    return foundAt(world, await cutCopy(directory, await newestLog(directory), safeBytes));
  }

  it('always: each publish is told as accepted when the disk has it, and none is lost', () =>
    inWorld(async (world) => {
      const directory = await freshPath();
      const client = clientAt(world, directory, 'always');
      await client.queue.recovered;
      const disk = watchDisk(directory);
      for (const count of [1, 2, 3]) {
        await publishAll(client, [`t${count}`]);
        expect(await afterPowerCut(world, directory, disk.safeBytes)).toEqual(named(count));
      }
      expect(disk.synced.slice(0, 3)).toEqual([true, true, true]);
    }, LIVES));

  it('everySecond: what was accepted in the last second may be lost, and no more', () =>
    inWorld(async (world) => {
      const directory = await freshPath();
      const client = clientAt(world, directory, 'everySecond');
      await client.queue.recovered;
      const disk = watchDisk(directory);
      await publishAll(client, ['t1', 't2', 't3']);
      expect(disk.synced).toEqual([true, false, false]);
      expect(await afterPowerCut(world, directory, disk.safeBytes)).toEqual(['t1']);
      world.clock.advance(1_000);
      await vi.waitFor(() => expect(disk.synced).toEqual([true, false, false, true]));
      expect(await afterPowerCut(world, directory, disk.safeBytes)).toEqual(['t1', 't2', 't3']);
      await publishAll(client, ['t4']);
      // Its end waits for the disk as well.
      await client.close();
      expect(await afterPowerCut(world, directory, disk.safeBytes)).toEqual(named(4));
    }, LIVES));

  it('never: nobody waits for the disk', () =>
    inWorld(async (world) => {
      const directory = await freshPath();
      const client = clientAt(world, directory, 'never');
      const disk = watchDisk(directory);
      await publishAll(client, named(3));
      await client.close();
      expect(disk.synced).toEqual([false, false, false]);
      expect(await foundAt(world, directory)).toEqual(named(3));
    }, LIVES));
});

it('fault:F-6 a flipped bit in a table: how many messages it cost is told, and the others are delivered in order', () =>
  inWorld(async (world, broker) => {
    const directory = await freshPath();
    const first = clientAt(world, directory);
    await Promise.all(named(400).map((topic) => first.publish(topic, 'x'.repeat(100), { qos: 1 })));
    await first.close();
    // LevelDB makes a table of a log that it finds.
    await foundAt(world, directory);
    const table = (await levelFiles(directory, '.ldb')).at(-1)!;
    const bytes = await readFile(table);
    const middle = Math.floor(bytes.length / 2);
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    await writeFile(table, bytes);

    const client = clientAt(world, directory);
    const told: string[] = [];
    client.on('storeError', ({ error }) => told.push(`${error.code}: ${error.message}`));
    const { messages, missing } = await client.queue.recovered;
    expect([messages + missing, missing > 0, messages > 300]).toEqual([400, true, true]);
    await world.settled();
    expect(told).toEqual([
      `STORE_FAILED: ${missing} messages that were kept cannot be found in the durable store: it was damaged`,
    ]);
    await client.connect();
    await broker.when(() => broker.messages.length === messages);
    const topics = topicsOf(broker);
    expect(topics).toEqual(named(400).filter((topic) => topics.includes(topic)));
  }, LIVES));

it('fault:F-7 a full disk: new publishes are refused, those accepted are delivered, and it recovers', () =>
  inWorld(async (world, broker) => {
    const directory = await freshPath();
    const client = clientAt(world, directory);
    const told: string[] = [];
    client.on('storeError', ({ error }) => told.push(error.code));
    await publishAll(client, ['before']);
    const makeRoom = await leadToFullDevice(directory);
    const accepted = ['before'];
    let refused: unknown;
    // LevelDB begins a new log after some megabytes.
    for (let number = 1; refused === undefined && number < 200; number++) {
      const payload = new Uint8Array(131_072);
      const call = client.publish(`large ${number}`, payload, { qos: 1 });
      await call.then(
        () => accepted.push(`large ${number}`),
        (error: unknown) => {
          refused = error;
        },
      );
    }
    expect(refused).toMatchObject({ code: 'STORE_FULL', outcomeUnknown: true });
    await client.connect();
    await broker.when(() => broker.messages.length === accepted.length);
    expect(await client.publish('zero', '')).toMatchObject({ state: 'delivered' });
    world.clock.advance(999);
    expect(await failureOf(client.publish('refused', '', { qos: 1 }))).toMatchObject({ code: 'STORE_FULL' });
    // Not later than this: LevelDB would read what the links lead to, without end, when it is opened again.
    await makeRoom();
    world.clock.advance(1);
    expect(await client.publish('after', '', { qos: 1 })).toMatchObject({ state: 'delivered' });
    expect(topicsOf(broker)).toEqual([...accepted, 'zero', 'after']);
    // One outage.
    expect(told).toEqual(['STORE_FULL']);
    await client.close({ flushTimeoutMs: 0 });
    expect(await foundAt(world, directory)).toEqual([]);
  }, LIVES));

/** Leads the next logs of LevelDB to a device that has no room. */
async function leadToFullDevice(directory: string): Promise<() => Promise<void>> {
  const messages = join(directory, 'messages');
  const numbers = (await readdir(messages)).map((name) => Number(/\d+/.exec(name)?.[0] ?? 0));
  const last = Math.max(...numbers);
  const links = Array.from({ length: 6 }, (_, index) =>
    join(messages, `${String(last + 1 + index).padStart(6, '0')}.log`),
  );
  for (const link of links) await symlink('/dev/full', link);
  return async () => {
    for (const link of links) await rm(link, { force: true });
  };
}

describe('fault:F-8 a directory', () => {
  it.each(['EACCES: permission denied', 'EROFS: read-only file system'])(
    'that cannot be used: %s: QoS 1 is refused, the rest works, and it is tried again',
    (said) =>
      inWorld(async (world) => {
        const [code] = said.split(':');
        vi.mocked(fs.mkdir).mockRejectedValueOnce(Object.assign(new Error(said), { code }));
        const directory = await freshPath();
        const client = clientAt(world, directory);
        const refused = {
          code: 'STORE_FAILED',
          message: expect.stringContaining(`${JSON.stringify(directory)} cannot be opened: "${said}"`),
        };
        expect(await failureOf(client.queue.recovered)).toMatchObject(refused);
        expect(await failureOf(client.publish('a', '', { qos: 1 }))).toMatchObject(refused);
        await client.connect();
        expect(await client.publish('zero', '')).toMatchObject({ state: 'delivered' });
        world.clock.advance(1_000);
        expect(await client.publish('b', '', { qos: 1 })).toMatchObject({ state: 'delivered' });
      }),
  );

  it('that is deleted while it is open: what was accepted is delivered, and is in the new one until then', () =>
    inWorld(async (world, broker) => {
      const directory = await freshPath();
      const client = clientAt(world, directory);
      const told: string[] = [];
      client.on('storeError', ({ error }) => told.push(error.code));
      await publishAll(client, ['a', 'b']);
      await rm(directory, { recursive: true });
      expect(await failureOf(client.publish('c', '', { qos: 1 }))).toMatchObject({ code: 'STORE_FAILED' });
      world.clock.advance(1_000);
      await publishAll(client, ['d']);
      expect(told).toEqual(['STORE_FAILED', 'STORE_FAILED']);
      await client.close();
      const next = clientAt(world, directory);
      await next.connect();
      await broker.when(() => broker.messages.length === 3);
      expect(topicsOf(broker)).toEqual(['a', 'b', 'd']);
    }, LIVES));
});

it('fault:F-9 fault:F-10 fault:F-16 a second process is told who has the store and disturbs nobody; once that is killed, it has it', () =>
  inWorld(async (world) => {
    const directory = await freshPath();
    const broker = await ScriptedBroker.start();
    const holder = startDevice({ directory, port: broker.port, publishes: 20 });
    await holder.shows('kept 20');
    const client = clientAt(world, directory);
    const inUse = {
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`in use by process ${holder.pid}, since `),
    };
    expect(await failureOf(client.queue.recovered)).toMatchObject(inUse);
    expect(await failureOf(client.publish('a', '', { qos: 1 }))).toMatchObject(inUse);
    world.clock.advance(1_000);
    expect(await failureOf(client.publish('b', '', { qos: 1 }))).toMatchObject(inUse);
    await client.connect();
    expect(await client.publish('zero', '')).toMatchObject({ state: 'delivered' });

    // It has nothing to do, and its line keeps it alive.
    broker.publish('orders', '');
    await holder.shows('got orders');
    holder.kill('SIGKILL');
    await holder.end;
    await broker.stop();
    expect(topicsOf(broker)).toEqual(named(20));

    world.clock.advance(1_000);
    expect(await client.publish('c', '', { qos: 1 })).toMatchObject({ state: 'delivered' });
  }, LIVES));

it('fault:F-11 a queue of a newer version is refused, and nothing of it touched; the rest works', () =>
  inWorld(async (world) => {
    const directory = await freshPath();
    const first = clientAt(world, directory);
    await publishAll(first, ['a']);
    await first.close();
    await writeFile(
      join(directory, 'format.json'),
      JSON.stringify({ content: 'offline queue of aws-iot-machines', format: 2 }),
    );
    const before = await everythingIn(dirname(directory));
    const client = clientAt(world, directory);
    expect(await failureOf(client.queue.recovered)).toMatchObject({ code: 'STORE_INCOMPATIBLE' });
    world.clock.advance(60_000);
    expect(await failureOf(client.publish('b', '', { qos: 1 }))).toMatchObject({
      code: 'STORE_INCOMPATIBLE',
    });
    await client.connect();
    expect(await client.publish('zero', '')).toMatchObject({ state: 'delivered' });
    await client.close({ flushTimeoutMs: 0 });
    expect(await everythingIn(dirname(directory))).toEqual(before);
  }, LIVES));

describe('fault:F-16 a process', () => {
  it.each([
    ['', {}],
    [', also while messages can still expire', { expiresInMs: 60_000 }],
  ])('with an open store and no line ends by itself%s, and the next one finds what it left', (_, expiry) =>
    inWorld(async (world) => {
      const directory = await freshPath();
      const device = startDevice({ directory, publishes: 3, ...expiry });
      expect(await device.end).toEqual({
        exitCode: 0,
        output: `${['opening', 'recovered 0, missing 0', 'kept 1', 'kept 2', 'kept 3', 'done'].join('\n')}\n`,
      });
      expect(await foundAt(world, directory)).toEqual(named(3));
    }),
  );
});

it('fault:F-14 what has expired between two processes is not sent, and that is told', () =>
  inWorld(async (world, broker) => {
    const directory = await freshPath();
    const device = startDevice({ directory, publishes: 3, expiresInMs: 60_000 });
    await device.shows('done');
    device.kill('SIGKILL');
    await device.end;
    // The next one looks at the clock on the wall: a minute has passed since, and not an hour.
    const clock = new SimulatedClock(performance.timeOrigin + performance.now() + 60_000);
    const client = clientAt(world, directory, 'never', { clock });
    const told: string[] = [];
    client.on('undelivered', ({ topic, error }) => told.push(`${topic} ${error.code}`));
    expect(await client.queue.recovered).toEqual({ messages: 3, missing: 0 });
    clock.advance(1);
    await client.connect();
    await broker.when(() => broker.messages.length === 2);
    expect([topicsOf(broker), told]).toEqual([['t2', 't3'], ['t1 MESSAGE_EXPIRED']]);
  }, LIVES));

describe('sec:S-18 the files of a durable queue', () => {
  it('are closed to others while it is used and afterwards', () =>
    inWorld(async (world) => {
      const directory = await freshPath();
      const client = clientAt(world, directory);
      await publishAll(client, named(3));
      await expectClosedToOthers(directory);
      await client.close();
      await expectClosedToOthers(directory);
    }));

  it('are not looked for behind a symbolic link', () =>
    inWorld(async (world) => {
      const directory = await freshPath();
      await mkdir(directory);
      await symlink(directory, `${directory}-link`);
      const client = clientAt(world, `${directory}-link`);
      expect(await failureOf(client.publish('a', '', { qos: 1 }))).toMatchObject({ code: 'STORE_FAILED' });
      expect(await readdir(directory)).toEqual([]);
    }));

  async function expectClosedToOthers(directory: string): Promise<void> {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    expect(entries.length).toBeGreaterThan(4);
    for (const path of [directory, ...entries.map((entry) => join(entry.parentPath, entry.name))]) {
      const status = await stat(path);
      expect([path, (status.mode & 0o777).toString(8)]).toEqual([path, status.isDirectory() ? '700' : '600']);
    }
  }
});
