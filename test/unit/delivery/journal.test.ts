import { describe, expect, it } from 'vitest';
import { encodeEndedRange, encodeMessage } from '../../../src/delivery/record.ts';
import { JournalProcess, messageOf, settled } from '../../support/journal-process.ts';
import { MemoryDurableStore } from '../../support/memory-durable-store.ts';

/** A store that the next process finds, with what an earlier one has left. */
async function storeWith(...topics: readonly string[]): Promise<MemoryDurableStore> {
  const process = await JournalProcess.opened();
  process.keep(...topics);
  await settled();
  return process.store.nextProcess();
}

/** What a journal tells when it opens this store. */
async function toldBy(store: MemoryDurableStore): Promise<readonly string[]> {
  const process = new JournalProcess(store);
  process.journal.open();
  await settled();
  return process.takeTold();
}

describe('a journal that keeps', () => {
  it('answers in order, and not inside of the call', async () => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b');
    expect(process.told).toEqual([]);
    await settled();
    process.keep('c');
    await settled();
    expect(process.told).toEqual(['kept a', 'kept b', 'kept c']);
    expect(process.disk).toEqual(['1 a', '2 b', '3 c']);
  });

  it('answers only once the write has resolved', async () => {
    const process = await JournalProcess.opened();
    process.store.mode = 'manual';
    process.keep('a');
    await settled();
    expect(process.told).toEqual([]);
    process.store.next.succeed();
    await settled();
    expect(process.told).toEqual(['kept a']);
  });

  it('writes together what one turn asks for, and what comes while a write is out', async () => {
    const process = await JournalProcess.opened();
    process.store.mode = 'manual';
    process.keep('a', 'b');
    await settled();
    process.keep('c');
    await settled();
    process.keep('d');
    process.release('a');
    await settled();
    expect(process.store.held).toHaveLength(1);
    process.store.next.succeed();
    await settled();
    process.store.next.succeed();
    await settled();
    const writes = process.store.batches.map((changes) => changes.map(({ number }) => number));
    expect(writes).toEqual([
      [1, 2],
      [1, 3, 4],
    ]);
    expect(process.told).toEqual(['kept b', 'kept c', 'kept d']);
  });

  it('writes at most a thousand messages, or a mebibyte and one message more, at a time', async () => {
    const process = await JournalProcess.opened();
    process.keep(...Array.from({ length: 2_500 }, (_, index) => `t${index}`));
    await settled();
    expect(process.store.batches.map((changes) => changes.length)).toEqual([1_000, 1_000, 500]);
    for (let left = 20; left > 0; left--)
      process.journal.keep(messageOf('big', new Uint8Array(100_000)), 1, () => {});
    await settled();
    expect(process.store.batches.slice(3).map((changes) => changes.length)).toEqual([11, 9]);
  });

  it('opens the store by itself for the first message', async () => {
    const process = new JournalProcess();
    process.keep('a');
    await settled();
    expect(process.told).toEqual(['recovered , 0 missing', 'kept a']);
  });

  it('opens it once, however often it is told to', async () => {
    const process = new JournalProcess();
    process.journal.open();
    process.journal.open();
    await settled();
    process.journal.open();
    process.journal.open();
    await settled();
    expect(process.store.operations).toEqual(['open']);
    expect(process.told).toEqual(['recovered , 0 missing']);
  });

  it('keeps what it was given, and not what its giver makes of it afterwards', async () => {
    const process = await JournalProcess.opened();
    const payload = Uint8Array.of(1, 2);
    process.journal.keep(messageOf('a', payload), 77, () => {});
    payload.fill(9);
    await settled();
    const next = await JournalProcess.opened(process.store.nextProcess());
    expect(next.kept.get('a')).toMatchObject({
      message: messageOf('a', Uint8Array.of(1, 2)),
      expiresAt: 77,
    });
  });

  it('goes on when a callback throws, and lets the process hear it', async () => {
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => thrown.push(error));
    const one = await JournalProcess.opened();
    one.journal.keep(messageOf('a'), 1, () => {
      throw new Error('a fault of the callee');
    });
    one.keep('b');
    await settled();
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(thrown).toEqual([new Error('a fault of the callee')]);
    expect(one.told).toEqual(['kept b']);
  });
});

describe('a journal that releases', () => {
  it('forgets a message that was kept', async () => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b', 'c');
    await settled();
    process.release('b');
    await settled();
    expect(process.disk).toEqual(['1 a', '2-2', '3 c']);
    expect(await toldBy(process.store.nextProcess())).toEqual(['recovered a c, 0 missing']);
  });

  it('never writes a message that was released before, and gives it no number', async () => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b', 'c');
    process.release('b');
    await settled();
    expect(process.told).toEqual(['kept a', 'kept c']);
    expect(process.disk).toEqual(['1 a', '2 c']);
  });

  it('writes nothing when all of it was released before', async () => {
    const process = await JournalProcess.opened();
    process.keep('a');
    process.release('a');
    await settled();
    expect(process.store.operations).toEqual(['open']);
  });

  it('deletes a message that was released while it was written, and does not answer it', async () => {
    const process = await JournalProcess.opened();
    process.store.mode = 'manual';
    process.keep('a');
    await settled();
    process.release('a');
    process.store.next.succeed();
    await settled();
    expect(process.disk).toEqual(['1 a']);
    process.store.next.succeed();
    await settled();
    expect(process.disk).toEqual(['1-1']);
    expect(process.told).toEqual([]);
  });

  it('does not answer what the callback of another message has released', async () => {
    const process = await JournalProcess.opened();
    process.journal.keep(messageOf('a'), 1, () => process.release('b'));
    process.keep('b');
    await settled();
    expect(process.told).toEqual([]);
    expect(process.disk).toEqual(['1 a', '2-2']);
  });

  it('does nothing the second time', async () => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b');
    await settled();
    process.release('a');
    await settled();
    process.release('a', 'a');
    await settled();
    expect(process.store.batches).toHaveLength(2);
    expect(process.disk).toEqual(['1-1', '2 b']);
  });

  it.each([
    ['in order', ['a', 'b', 'c', 'd', 'e']],
    ['backwards', ['e', 'd', 'c', 'b', 'a']],
    ['from the middle', ['c', 'a', 'e', 'b', 'd']],
  ])('leaves one record when all is released, %s', async (_order, topics) => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b', 'c', 'd', 'e');
    await settled();
    for (const topic of topics) {
      process.release(topic);
      await settled();
    }
    expect(process.disk).toEqual(['1-5']);
  });

  it('uses no number twice, also when everything has been released', async () => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b');
    await settled();
    process.release('a', 'b');
    await settled();
    const next = await JournalProcess.opened(process.store.nextProcess());
    next.keep('c');
    await settled();
    expect(next.disk).toEqual(['1-2', '3 c']);
  });
});

describe('a journal that opens what an earlier process left', () => {
  it('tells all of it, oldest first, before anything is answered', async () => {
    const process = new JournalProcess(await storeWith('a', 'b', 'c', 'd'));
    process.keep('e');
    await settled();
    expect(process.told).toEqual(['recovered a b c d, 0 missing', 'kept e']);
    expect(process.disk).toEqual(['1 a', '2 b', '3 c', '4 d', '5 e']);
  });

  it('writes nothing when nothing is to be mended', async () => {
    const first = await JournalProcess.opened(await storeWith('a', 'b', 'c'));
    first.release('b');
    await settled();
    const process = await JournalProcess.opened(first.store.nextProcess());
    expect(process.disk).toEqual(['1 a', '2-2', '3 c']);
    expect(process.store.batches).toEqual([]);
  });

  it('releases what it found as its own', async () => {
    const process = await JournalProcess.opened(await storeWith('a', 'b'));
    process.release('a');
    await settled();
    expect(process.disk).toEqual(['1-1', '2 b']);
  });

  it('may be given commands while it tells', async () => {
    const next = new JournalProcess(await storeWith('a', 'b'));
    next.onRecovered = () => {
      next.release('a');
      next.keep('c');
    };
    next.journal.open();
    await settled();
    expect(next.told).toEqual(['recovered a b, 0 missing', 'kept c']);
    expect(next.disk).toEqual(['1-1', '2 b', '3 c']);
  });

  it('fault:F-6 counts what is missing, once, and delivers the rest', async () => {
    const store = await storeWith('a', 'b', 'c', 'd', 'e');
    store.lose(1, 3, 4);
    const process = new JournalProcess(store);
    process.journal.open();
    await settled();
    expect(process.told).toEqual(['recovered b e, 3 missing']);
    expect(process.disk).toEqual(['1-1', '2 b', '3-4', '5 e']);
    expect(await toldBy(store.nextProcess())).toEqual(['recovered b e, 0 missing']);
  });

  it('counts a range that is missing, number by number', async () => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b', 'c', 'd', 'e');
    await settled();
    process.release('b', 'c', 'd');
    await settled();
    process.store.lose(2);
    expect(await toldBy(process.store.nextProcess())).toEqual(['recovered a e, 3 missing']);
  });

  it('fault:F-6 counts what cannot be decoded as missing, also the last one', async () => {
    const store = await storeWith('a', 'b', 'c');
    store.plant(2, Uint8Array.of(1, 2, 3));
    store.plant(3, Uint8Array.of());
    const process = new JournalProcess(store);
    process.keep('d');
    await settled();
    expect(process.told).toEqual(['recovered a, 2 missing', 'kept d']);
    expect(process.disk).toEqual(['1 a', '2-3', '4 d']);
  });

  it('cleans up records inside of an ended range, and delivers none of them', async () => {
    const store = await storeWith('a', 'b', 'c', 'd', 'e');
    store.plant(1, encodeEndedRange(4));
    store.plant(2, encodeEndedRange(3));
    store.plant(4, Uint8Array.of(7));
    const process = new JournalProcess(store);
    process.journal.open();
    await settled();
    expect(process.told).toEqual(['recovered e, 0 missing']);
    expect(process.disk).toEqual(['1-4', '5 e']);
  });

  it('takes ranges that overlap for all that they cover', async () => {
    const store = new MemoryDurableStore();
    store.plant(1, encodeEndedRange(5));
    store.plant(3, encodeEndedRange(8));
    store.plant(7, encodeMessage({ message: messageOf('a'), expiresAt: 1 }));
    store.plant(9, encodeMessage({ message: messageOf('b'), expiresAt: 1 }));
    const process = new JournalProcess(store);
    process.journal.open();
    await settled();
    expect(process.told).toEqual(['recovered b, 0 missing']);
    expect(process.disk).toEqual(['1-8', '9 b']);
  });

  it('goes on behind the greatest number that it finds, wherever that is said', async () => {
    const store = new MemoryDurableStore();
    store.plant(1, encodeEndedRange(5));
    store.plant(3, encodeEndedRange(3));
    const process = new JournalProcess(store);
    process.keep('a');
    await settled();
    expect(process.disk).toEqual(['1-5', '6 a']);
  });

  it('takes a gap of billions as fast as one of two', async () => {
    const store = new MemoryDurableStore();
    store.plant(2 ** 40, encodeMessage({ message: messageOf('a'), expiresAt: 1 }));
    const process = new JournalProcess(store);
    process.keep('b');
    await settled();
    expect(process.told).toEqual([`recovered a, ${2 ** 40 - 1} missing`, 'kept b']);
    expect(process.disk).toEqual([`1-${2 ** 40 - 1}`, `${2 ** 40} a`, `${2 ** 40 + 1} b`]);
  });
});

describe('a journal that closes', () => {
  it('writes what was released, leaves what is kept, and frees the store', async () => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b');
    await settled();
    process.release('a');
    await process.journal.close();
    expect(process.disk).toEqual(['1-1', '2 b']);
    expect(process.store.isOpen).toBe(false);
  });

  it('gives up what is not yet written, and answers nothing any more', async () => {
    const process = await JournalProcess.opened();
    process.store.mode = 'manual';
    process.keep('a');
    await settled();
    process.keep('b');
    const closed = process.journal.close();
    process.keep('c');
    await settled();
    expect(process.store.held.map(({ operation }) => operation)).toEqual(['write']);
    process.store.mode = 'automatic';
    process.store.next.succeed();
    await closed;
    expect(process.told).toEqual([]);
    expect(process.disk).toEqual(['1 a']);
    expect(process.store.isOpen).toBe(false);
  });

  it('closes once, and does nothing afterwards', async () => {
    const process = await JournalProcess.opened();
    process.keep('a');
    await settled();
    const closed = process.journal.close();
    expect(process.journal.close()).toBe(closed);
    await closed;
    process.release('a');
    process.journal.open();
    process.journal.open();
    process.keep('b');
    await settled();
    expect(process.store.operations).toEqual(['open', 'write', 'close']);
    expect(process.told).toEqual(['kept a']);
  });

  it('touches nothing when it was never opened', async () => {
    const process = new JournalProcess();
    await process.journal.close();
    expect(process.store.operations).toEqual([]);
  });

  it('closes a store again that it was just opening, and tells nothing', async () => {
    const process = new JournalProcess(new MemoryDurableStore('manual'));
    process.keep('a');
    await settled();
    const closed = process.journal.close();
    process.store.mode = 'automatic';
    process.store.next.succeed();
    await closed;
    expect(process.store.operations).toEqual(['open', 'close']);
    expect(process.store.isOpen).toBe(false);
    expect(process.told).toEqual([]);
  });

  it('stops reading', async () => {
    const process = new JournalProcess(await storeWith('a', 'b', 'c', 'd', 'e', 'f', 'g'));
    process.store.mode = 'manual';
    process.journal.open();
    await settled();
    process.store.next.succeed();
    await settled();
    const closed = process.journal.close();
    process.store.mode = 'automatic';
    process.store.next.succeed();
    await closed;
    expect(process.store.operations).toEqual(['open', 'read', 'close']);
    expect(process.told).toEqual([]);
  });

  it('leaves what is missing to be told by the next process, when it is closed while it reads the end', async () => {
    const store = await storeWith('a', 'b', 'c');
    store.lose(2);
    const process = new JournalProcess(store);
    store.mode = 'manual';
    process.journal.open();
    await settled();
    store.next.succeed();
    await settled();
    const closed = process.journal.close();
    store.mode = 'automatic';
    store.next.succeed();
    await closed;
    expect(await toldBy(store.nextProcess())).toEqual(['recovered a c, 1 missing']);
  });

  it.each([
    ['its last write fails', 'write', false],
    ['its last write throws', 'write', true],
    ['the store does not close', 'close', false],
    ['closing the store throws', 'close', true],
  ] as const)('resolves also when %s', async (_what, operation, throws) => {
    const process = await JournalProcess.opened();
    process.keep('a');
    await settled();
    process.takeTold();
    process.release('a');
    process.store.failNext(operation, { throws });
    await expect(process.journal.close()).resolves.toBeUndefined();
    expect(process.told).toEqual([]);
  });
});
