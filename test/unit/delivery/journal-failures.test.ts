import { describe, expect, it } from 'vitest';
import { IotError, type IotErrorCode } from '../../../src/protocol/errors.ts';
import { JournalProcess, messageOf, settled } from '../../support/journal-process.ts';
import { MemoryDurableStore } from '../../support/memory-durable-store.ts';

function errorOf(code: IotErrorCode): IotError {
  return new IotError(code, 'the store said so');
}

/** A journal whose store has failed while it wrote `lost`, after it had kept `a`. */
async function failedOnce(landed: 'none' | 'all' = 'none'): Promise<JournalProcess> {
  const process = await JournalProcess.opened();
  process.keep('a');
  await settled();
  process.store.failNext('write', { landed });
  process.keep('lost');
  await settled();
  process.takeTold();
  return process;
}

describe('a journal whose store fails to write', () => {
  it('fault:F-7 rejects what was to be written and what waited behind it, in order, and closes the store', async () => {
    const process = await JournalProcess.opened();
    process.store.mode = 'manual';
    process.keep('a', 'b');
    await settled();
    process.keep('c');
    process.store.mode = 'automatic';
    process.store.next.fail({ error: errorOf('STORE_FULL') });
    await settled();
    expect(process.told).toEqual(['outage STORE_FULL', 'STORE_FULL a', 'STORE_FULL b', 'STORE_FULL c']);
    expect(process.store.isOpen).toBe(false);
  });

  it('answers with the last error, not inside of the call, until a second has passed', async () => {
    const process = await failedOnce();
    process.clock.advance(999);
    process.keep('b');
    process.journal.open();
    expect(process.told).toEqual([]);
    await settled();
    expect(process.told).toEqual(['STORE_FAILED b']);
    expect(process.store.isOpen).toBe(false);
  });

  it('rests for a second whatever it was told before the failure', async () => {
    const process = new JournalProcess(new MemoryDurableStore('manual'));
    process.journal.open();
    await settled();
    process.journal.open();
    process.store.mode = 'automatic';
    process.store.next.succeed();
    await settled();
    process.journal.open();
    process.store.failNext('write');
    process.keep('a');
    await settled();
    expect(process.store.operations).toEqual(['open', 'write', 'close']);
  });

  it('does not answer so what was released, or when it was closed', async () => {
    const process = await failedOnce();
    process.keep('b');
    process.release('b');
    process.keep('c');
    const closed = process.journal.close();
    await closed;
    expect(process.told).toEqual([]);
  });

  it('fault:F-7 recovers with the next message after a second', async () => {
    const process = await failedOnce();
    process.clock.advance(1_000);
    process.keep('b');
    await settled();
    expect(process.told).toEqual(['kept b']);
    expect(process.disk).toEqual(['1 a', '2-2', '3 b']);
  });

  it('recovers by itself after half a minute', async () => {
    const process = await failedOnce();
    process.clock.advance(29_999);
    await settled();
    expect(process.store.isOpen).toBe(false);
    process.clock.advance(1);
    await settled();
    expect([process.store.isOpen, process.clock.pending]).toEqual([true, 0]);
  });

  it('recovers when it is told to', async () => {
    const process = await failedOnce();
    process.clock.advance(20_000);
    process.release('a');
    await settled();
    expect(process.store.isOpen).toBe(false);
    process.journal.open();
    await settled();
    expect(process.store.isOpen).toBe(true);
    expect(process.disk).toEqual(['1-2']);
    expect(process.told).toEqual([]);
  });

  it.each(['none', 'all'] as const)(
    'ends what was rejected, so that the next process does not deliver it, when %s of it was written',
    async (landed) => {
      const process = await failedOnce(landed);
      process.clock.advance(1_000);
      process.journal.open();
      await settled();
      expect(process.disk).toEqual(['1 a', '2-2']);
      const next = new JournalProcess(process.store.nextProcess());
      next.keep('b');
      await settled();
      expect(next.told).toEqual(['recovered a, 0 missing', 'kept b']);
      expect(next.disk).toEqual(['1 a', '2-2', '3 b']);
    },
  );

  it('writes what was released in the write that failed', async () => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b');
    await settled();
    process.store.failNext('write');
    process.release('a');
    await settled();
    expect(process.disk).toEqual(['1 a', '2 b']);
    process.clock.advance(1_000);
    process.journal.open();
    await settled();
    expect(process.disk).toEqual(['1-1', '2 b']);
  });

  it('does nothing for the release of what was rejected', async () => {
    const process = await failedOnce();
    process.clock.advance(1_000);
    process.keep('b');
    await settled();
    process.release('lost');
    await settled();
    expect(process.disk).toEqual(['1 a', '2-2', '3 b']);
    expect(process.store.batches).toHaveLength(3);
  });

  it('mends a store that did half of a write', async () => {
    const process = await JournalProcess.opened();
    process.keep('a', 'b', 'c', 'd');
    await settled();
    process.store.failNext('write', { landed: 2 });
    process.release('b', 'c');
    process.keep('e');
    await settled();
    process.clock.advance(1_000);
    process.keep('f');
    await settled();
    expect(process.disk).toEqual(['1 a', '2-3', '4 d', '5-5', '6 f']);
  });

  it('writes again what the store has lost meanwhile, and says so', async () => {
    const process = await failedOnce();
    process.store.lose(1);
    process.clock.advance(1_000);
    process.keep('b');
    await settled();
    expect(process.told).toEqual(['outage STORE_FAILED', 'kept b']);
    expect(process.disk).toEqual(['1 a', '2-2', '3 b']);
    process.release('a');
    await settled();
    expect(process.disk).toEqual(['1-2', '3 b']);
  });

  it('writes again what cannot be decoded any more', async () => {
    const process = await failedOnce();
    process.store.plant(1, Uint8Array.of(9));
    process.clock.advance(1_000);
    process.journal.open();
    await settled();
    expect(process.disk).toEqual(['1 a', '2-2']);
    expect(process.store.violations).toEqual([]);
  });

  it('still holds what it could not write again', async () => {
    const process = await failedOnce();
    process.store.lose(1);
    process.store.failNext('write');
    process.clock.advance(1_000);
    process.journal.open();
    await settled();
    process.clock.advance(1_000);
    process.journal.open();
    await settled();
    expect(process.disk).toEqual(['1 a', '2-2']);
  });

  it('leaves the store alone for a second also when more than one write of it is to be repeated', async () => {
    const process = await JournalProcess.opened();
    process.keep(...Array.from({ length: 1_001 }, (_, index) => `t${index}`));
    await settled();
    process.store.failNext('write', {}, {});
    process.keep('lost');
    await settled();
    process.store.lose(...process.store.records.map(({ number }) => number));
    process.clock.advance(1_000);
    process.journal.open();
    await settled();
    expect(process.store.operations.filter((operation) => operation === 'open')).toHaveLength(2);
    process.clock.advance(1_000);
    process.journal.open();
    await settled();
    expect(process.store.records).toHaveLength(1_002);
  });

  it('forgets what was released before it could be written again', async () => {
    const process = await failedOnce();
    process.store.lose(1);
    process.store.mode = 'manual';
    process.clock.advance(1_000);
    process.journal.open();
    await settled();
    process.release('a');
    process.store.mode = 'automatic';
    process.store.next.succeed();
    await settled();
    expect(process.disk).toEqual(['1-2']);
    expect(process.told).toEqual([]);
  });

  it('tells an outage once, and the next one again', async () => {
    const process = await failedOnce();
    for (let tries = 0; tries < 3; tries++) {
      process.store.failNext(tries === 1 ? 'open' : 'write');
      process.clock.advance(1_000);
      process.keep('b');
      await settled();
    }
    expect(process.takeTold()).toEqual(['STORE_FAILED b', 'STORE_FAILED b', 'STORE_FAILED b']);
    process.clock.advance(1_000);
    process.keep('c');
    await settled();
    process.store.failNext('write');
    process.keep('d');
    await settled();
    expect(process.told).toEqual(['kept c', 'outage STORE_FAILED', 'STORE_FAILED d']);
  });

  it('answers nothing more when it is closed inside of a callback', async () => {
    const process = await JournalProcess.opened();
    process.store.failNext('write');
    process.journal.keep(messageOf('a'), 1, () => void process.journal.close());
    process.keep('b');
    await settled();
    expect(process.told).toEqual(['outage STORE_FAILED']);
    expect(process.store.isOpen).toBe(false);
  });

  it('does not open the store again before it is closed', async () => {
    const process = await JournalProcess.opened();
    process.store.mode = 'manual';
    process.keep('a');
    await settled();
    process.store.next.fail();
    await settled();
    process.clock.advance(1_000);
    process.keep('b');
    await settled();
    expect(process.store.operations).toEqual(['open', 'write', 'close']);
    process.store.mode = 'automatic';
    process.store.next.succeed();
    await settled();
    expect(process.told.at(-1)).toBe('kept b');
    expect(process.store.violations).toEqual([]);
  });
});

describe('a journal whose store fails to open', () => {
  it.each(['STORE_LOCKED', 'STORE_FULL', 'STORE_FAILED', 'MISSING_PACKAGE'] as const)(
    'rejects what waited with %s, and tries again after a second',
    async (code) => {
      const process = new JournalProcess();
      process.store.failNext('open', { error: errorOf(code) });
      process.journal.open();
      process.keep('a');
      await settled();
      expect(process.takeTold()).toEqual([`outage ${code}`, `${code} a`]);
      process.clock.advance(1_000);
      process.keep('b');
      await settled();
      expect(process.told).toEqual(['recovered , 0 missing', 'kept b']);
      expect(process.disk).toEqual(['1 b']);
    },
  );

  it('fault:F-11 never again tries a store that a newer version wrote', async () => {
    const process = new JournalProcess();
    process.store.failNext('open', { error: errorOf('STORE_INCOMPATIBLE') });
    process.journal.open();
    await settled();
    process.clock.advance(1e12);
    process.journal.open();
    process.keep('a');
    await settled();
    expect(process.told).toEqual(['outage STORE_INCOMPATIBLE', 'STORE_INCOMPATIBLE a']);
    expect(process.store.operations).toEqual(['open']);
  });

  it('holds what is asked for while the store is being opened', async () => {
    const process = new JournalProcess(new MemoryDurableStore('manual'));
    process.journal.open();
    await settled();
    process.keep('a');
    await settled();
    expect(process.told).toEqual([]);
    process.store.mode = 'automatic';
    process.store.next.succeed();
    await settled();
    expect(process.told).toEqual(['recovered , 0 missing', 'kept a']);
  });

  it('finds everything when only the second opening succeeds', async () => {
    const first = await JournalProcess.opened();
    first.keep('a', 'b', 'c', 'd');
    await settled();
    const process = new JournalProcess(first.store.nextProcess());
    process.store.failNext('read', { after: 1 });
    process.journal.open();
    await settled();
    expect(process.takeTold()).toEqual(['outage STORE_FAILED']);
    expect(process.store.isOpen).toBe(false);
    process.clock.advance(1_000);
    process.keep('e');
    await settled();
    expect(process.told).toEqual(['recovered a b c d, 0 missing', 'kept e']);
  });

  it('ends the outage when there is nothing to write', async () => {
    const process = new JournalProcess();
    process.store.failNext('open');
    process.journal.open();
    await settled();
    process.clock.advance(1_000);
    process.journal.open();
    await settled();
    process.store.failNext('write');
    process.keep('a');
    await settled();
    expect(process.told).toEqual([
      'outage STORE_FAILED',
      'recovered , 0 missing',
      'outage STORE_FAILED',
      'STORE_FAILED a',
    ]);
  });
});

describe('a journal whose store breaks its word', () => {
  it.each([
    ['open', { error: new TypeError('no such thing') }],
    ['open', { error: 'text', throws: true }],
    ['read', { error: new RangeError('x') }],
    ['write', { error: undefined, throws: true }],
    ['write', { error: new Error('x'), throws: true }],
    ['write', { error: { code: 'STORE_FULL' } }],
  ] as const)('takes any failure of %s for STORE_FAILED (%o)', async (operation, failure) => {
    const first = await JournalProcess.opened();
    first.keep('a');
    await settled();
    const errors: IotError[] = [];
    const process = new JournalProcess(first.store.nextProcess());
    process.store.failNext(operation, failure);
    process.journal.keep(messageOf('b'), 1, (error) => {
      if (error !== undefined) errors.push(error);
    });
    await settled();
    expect(errors).toMatchObject([{ code: 'STORE_FAILED' }]);
    if (failure.error !== undefined) expect(errors[0]?.cause).toBe(failure.error);
    expect(process.store.isOpen).toBe(false);
    process.clock.advance(1_000);
    process.keep('c');
    await settled();
    expect(process.told.at(-1)).toBe('kept c');
  });
});
