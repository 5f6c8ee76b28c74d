import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Level } from 'level';
import { describe, expect, it, type MockInstance, vi } from 'vitest';

import { levelStore } from '../../src/adapters/level-store.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import {
  cutCopy,
  drop,
  freshPath,
  newestLog,
  openAt,
  put,
  recordsOf,
  textsAt,
  textsOf,
} from '../support/level-world.ts';

describe('the options of a level store', () => {
  it.each([
    ['no object', undefined, 'options of levelStore must be an object'],
    ['an unknown field', { directory: 'queue', path: 'queue' }, 'has no field "path"'],
    ['no directory', {}, 'directory must be a path that is not empty; given: undefined'],
    ['an empty directory', { directory: '' }, 'directory must be a path that is not empty; given: ""'],
    ['a directory with NUL', { directory: 'a\0b' }, 'directory must be a path'],
    ['a directory that is no text', { directory: new URL('file:///queue') }, 'directory must be a path'],
    [
      'an unknown policy',
      { directory: 'queue', sync: true },
      'sync must be "always", "everySecond" or "never"',
    ],
  ])('are refused at once: %s', (_, options, message) => {
    expect(() => levelStore(options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) }),
    );
  });

  it('sec:S-18 a relative path is fixed when it is given', async () => {
    const path = await freshPath();
    vi.spyOn(process, 'cwd').mockReturnValue(dirname(path));
    const store = levelStore({ directory: 'queue' });
    vi.spyOn(process, 'cwd').mockReturnValue('/nowhere');
    const open = await store.open(new SimulatedClock());
    await open.write([put(1, 'a')]);
    await open.close();
    expect(await textsAt(path)).toEqual([[1, 'a']]);
  });
});

describe('what a level store keeps', () => {
  it('comes back as it was, each under its number, also in the next process', async () => {
    const path = await freshPath();
    const store = await openAt(path);
    await store.write([put(1, ''), put(2, 'zwei'), { number: 3, value: Uint8Array.of(0, 255, 10) }]);
    await store.write([put(2, 'two')]);
    const expected = [
      { number: 1, value: Buffer.from('') },
      { number: 2, value: Buffer.from('two') },
      { number: 3, value: Buffer.from([0, 255, 10]) },
    ];
    const asBuffers = async (): Promise<unknown> =>
      (await recordsOf(store)).map(({ number, value }) => ({ number, value: Buffer.from(value) }));
    expect(await asBuffers()).toEqual(expected);
    await store.close();
    expect(await textsAt(path)).toEqual([
      [1, ''],
      [2, 'two'],
      [3, '\0\ufffd\n'],
    ]);
  });

  it('comes by ascending number, the greatest too', async () => {
    const path = await freshPath();
    const store = await openAt(path);
    const numbers = [
      1,
      9,
      10,
      99,
      100,
      9_999_999_999,
      10_000_000_000,
      99_999_999_999,
      Number.MAX_SAFE_INTEGER,
    ];
    for (const number of numbers.toReversed()) await store.write([put(number, 'x')]);
    expect((await recordsOf(store)).map(({ number }) => number)).toEqual(numbers);
  });

  it('comes some at a time, and all of it', async () => {
    const store = await openAt(await freshPath());
    const numbers = Array.from({ length: 2_500 }, (_, index) => index + 1);
    await store.write(numbers.map((number) => put(number, `${number}`)));
    const sizes: number[] = [];
    for await (const some of store.read()) sizes.push(some.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
    expect((await recordsOf(store)).map(({ number }) => number)).toEqual(numbers);
  });

  it('can be left before its end', async () => {
    const store = await openAt(await freshPath());
    await store.write(Array.from({ length: 2_500 }, (_, index) => put(index + 1, 'x')));
    for await (const some of store.read()) {
      expect(some[0]?.number).toBe(1);
      break;
    }
    expect(await recordsOf(store)).toHaveLength(2_500);
  });

  it('goes when it is dropped; dropping what is not there is nothing', async () => {
    const path = await freshPath();
    const store = await openAt(path);
    await store.write([put(1, 'a'), put(2, 'b'), put(3, 'c')]);
    await store.write([drop(2), drop(7)]);
    await store.write([]);
    expect(await textsOf(store)).toEqual([
      [1, 'a'],
      [3, 'c'],
    ]);
  });

  it('is kept together or not at all, wherever the file ends', async () => {
    const path = await freshPath();
    const store = await openAt(path);
    await store.write([put(1, 'before'), put(2, 'before')]);
    const log = await newestLog(path);
    const { size: before } = await stat(log);
    await store.write([put(3, 'together'), drop(1), put(2, 'after')]);
    const { size: after } = await stat(log);
    for (let size = before; size <= after; size += 7) {
      const texts = await textsAt(await cutCopy(path, log, size));
      expect(texts).toEqual([
        [1, 'before'],
        [2, 'before'],
      ]);
    }
    expect(await textsAt(await cutCopy(path, log, after))).toEqual([
      [2, 'after'],
      [3, 'together'],
    ]);
  });

  it('shows nothing of itself in an error', async () => {
    const store = await openAt(await freshPath());
    await store.close();
    const error: unknown = await store.write([put(1, 'the payload')]).catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error)).not.toContain('payload');
    expect(error).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('has been closed'),
    });
  });
});

describe('closing a level store', () => {
  it('can be done twice, and while it is written to and read', async () => {
    const path = await freshPath();
    const store = await openAt(path);
    await store.write([put(1, 'a')]);
    const reading = store.read()[Symbol.asyncIterator]();
    await reading.next();
    const writing = store.write([put(2, 'b')]);
    await Promise.all([store.close(), store.close()]);
    await writing;
    await expect(reading.next()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await textsAt(path)).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
  });
});

describe('fault:F-4 when the disk is waited for', () => {
  it('always: every write is synced, and is in the file when it counts', async () => {
    const batch = spyOnBatches();
    const path = await freshPath();
    const store = await openAt(path, 'always');
    for (let number = 1; number <= 5; number++) {
      await store.write([put(number, `message ${number}`)]);
      const log = await newestLog(path);
      const { size } = await stat(log);
      const texts = await textsAt(await cutCopy(path, log, size));
      expect(texts.at(-1)).toEqual([number, `message ${number}`]);
    }
    expect(syncsOf(batch)).toEqual([true, true, true, true, true]);
  });

  it('always: nobody waits for what may lag', async () => {
    const batch = spyOnBatches();
    const store = await openAt(await freshPath(), 'always');
    await store.write([put(1, 'a')]);
    await store.write([drop(1)], { mayLag: true });
    await store.write([put(2, 'b')], { mayLag: false });
    expect(syncsOf(batch)).toEqual([true, false, true]);
  });

  it('always is what is done by itself', async () => {
    const batch = spyOnBatches();
    const store = await levelStore({ directory: await freshPath() }).open(new SimulatedClock());
    await store.write([put(1, 'a')]);
    await store.close();
    expect(syncsOf(batch)).toEqual([true]);
  });

  it('never: no write is, and none is made at the end', async () => {
    const batch = spyOnBatches();
    const clock = new SimulatedClock();
    const store = await openAt(await freshPath(), 'never', clock);
    for (let number = 1; number <= 5; number++) await store.write([put(number, 'a')]);
    expect(clock.pending).toBe(0);
    await store.close();
    expect(syncsOf(batch)).toEqual([false, false, false, false, false]);
  });

  it('everySecond: the first write is, then one a second, then one after the last', async () => {
    const batch = spyOnBatches();
    const clock = new SimulatedClock();
    const store = await openAt(await freshPath(), 'everySecond', clock);
    const syncedAt: number[] = [];
    batch.mockImplementation(async (_, { sync }) => {
      if (sync) syncedAt.push(clock.now());
    });
    for (let number = 1; number <= 25; number++) {
      await store.write([put(number, 'a')]);
      clock.advance(100);
    }
    expect(syncedAt).toEqual([0, 1_000, 2_000]);
    clock.advance(10_000);
    expect(syncedAt).toEqual([0, 1_000, 2_000, 3_000]);
    expect(clock.pending).toBe(0);
    await store.write([put(26, 'a')]);
    expect(syncedAt).toEqual([0, 1_000, 2_000, 3_000, 12_500]);
    expect(clock.pending).toBe(0);
  });

  it('everySecond: closing brings the rest to the disk and leaves no timer', async () => {
    const batch = spyOnBatches();
    const clock = new SimulatedClock();
    const path = await freshPath();
    const store = await openAt(path, 'everySecond', clock);
    await store.write([put(1, 'a')]);
    await store.write([put(2, 'b')]);
    expect(clock.pending).toBe(1);
    await store.close();
    expect(clock.pending).toBe(0);
    expect(syncsOf(batch)).toEqual([true, false, true]);
    expect(await textsAt(path)).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
  });

  it('everySecond: what the trailing write failed of is told by the next one, and nothing is written any more', async () => {
    const batch = spyOnBatches();
    const clock = new SimulatedClock();
    const store = await openAt(await freshPath(), 'everySecond', clock);
    await store.write([put(1, 'a')]);
    await store.write([put(2, 'b')]);
    batch.mockRejectedValueOnce(new Error('IO error: /x/000003.log: No space left on device'));
    clock.advance(1_000);
    await expect(store.write([put(3, 'c')])).rejects.toMatchObject({ code: 'STORE_FULL' });
    await expect(store.write([put(4, 'd')])).rejects.toMatchObject({ code: 'STORE_FULL' });
    await store.close();
    expect(syncsOf(batch)).toEqual([true, false, true]);
    expect(clock.pending).toBe(0);
  });
});

type Batch = (operations: unknown, options: { readonly sync: boolean }) => Promise<void>;

function spyOnBatches(): MockInstance<Batch> {
  return vi.spyOn(Level.prototype as unknown as { batch: Batch }, 'batch');
}

function syncsOf(batch: MockInstance<Batch>): boolean[] {
  return batch.mock.calls.map(([, { sync }]) => sync);
}
