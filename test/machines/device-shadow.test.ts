import { describe, expect, test } from 'vitest';
import { Handle, type ShadowOperationPorts } from '../../src/machines/index.ts';
import {
  deleted,
  delta,
  documents,
  got,
  granted,
  lost,
  missing,
  updated,
  useShadows,
  watch,
} from './device-shadow-world.ts';
import { error } from './support.ts';

const shadow = useShadows();
const SYNCED = 'copy.watched.synced';
const ASKING = 'copy.watched.asking';

describe('the copy', () => {
  test('py:H13 fault:H-7 asks for the document as soon as the topics are granted, and not before', () => {
    const it = shadow();
    it.send(watch());
    it.clock.advance(60_000);
    expect({ gets: it.gets.length, held: it.held }).toEqual({ gets: 0, held: ['deltas'] });
    it.send(granted);
    expect(it.gets).toHaveLength(1);
    it.answer(5);
    expect(it.told).toEqual(['copy.replaced 5', 'shadow.synced']);
    expect(it.place).toBe(`${SYNCED} + delta.none`);
  });

  test('fault:H-7 a new line asks again, also when nothing has changed', () => {
    const it = shadow();
    it.sync(5);
    it.send(lost);
    expect(it.told).toEqual(['shadow.unsynced']);
    it.send(granted);
    it.answer(5);
    expect(it.told).toEqual(['copy.replaced 5', 'shadow.synced']);
    expect(it.gets).toHaveLength(2);
  });

  test('takes the updates that follow', () => {
    const it = shadow();
    it.sync(5);
    it.send(updated(6), updated(7));
    expect({ told: it.told, place: it.place }).toEqual({
      told: ['copy.merged 6', 'copy.merged 7'],
      place: `${SYNCED} + delta.none`,
    });
  });

  test('fault:H-6 asks when a version is missing', () => {
    const it = shadow();
    it.sync(5);
    it.send(updated(7));
    expect(it.told).toEqual(['shadow.unsynced']);
    it.answer(7);
    expect(it.told).toEqual(['copy.replaced 7', 'shadow.synced']);
  });

  test('merges what came while it asked, in order, into the answer', () => {
    const it = shadow();
    it.send(watch(), granted, updated(7), updated(6), updated(5));
    it.answer(5);
    expect(it.told).toEqual(['copy.replaced 5', 'copy.merged 6', 'copy.merged 7', 'shadow.synced']);
  });

  test('fault:H-6 asks again when the answer is older than what came meanwhile', () => {
    const it = shadow();
    it.send(watch(), granted, updated(8));
    it.answer(5);
    expect(it.place).toContain('retrying');
    it.clock.advance(500);
    it.answer(8);
    expect(it.place).toContain(SYNCED);
  });

  test('fault:H-3 py:H14 py:H29 fault:H-5 drops what is not newer', () => {
    const it = shadow();
    it.sync(5, false, watch(true, true));
    it.send(updated(5), updated(3), got(5), got(4), documents(5));
    expect(it.told).toEqual(['documents.passed 5']);
    it.send(documents(5), documents(4));
    expect({ told: it.told, version: it.context.versions.copy }).toEqual({ told: [], version: 5 });
  });

  test('takes documents, and passes each version on once', () => {
    const it = shadow();
    it.sync(5, false, watch(false, true));
    it.send(documents(7), documents(6), documents(7), updated(7));
    expect(it.told).toEqual(['documents.passed 7', 'copy.replaced 7']);
  });

  test('py:H14 py:H15 messages of one update have one version, and come in any order', () => {
    for (const order of [
      [updated(7), delta(7), documents(7)],
      [delta(7), documents(7), updated(7)],
      [documents(7), updated(7), delta(7)],
    ]) {
      const it = shadow();
      it.sync(6, false, watch(true, true));
      it.send(...order);
      const { told } = it;
      expect(told).toContain('delta.passed 7');
      expect(told).toContain('documents.passed 7');
      expect(it.context.versions).toEqual({ copy: 7, delta: 7, documents: 7 });
    }
  });

  test('what was merged is uncertain: the same version of the document replaces it', () => {
    const it = shadow();
    it.sync(5);
    it.send(updated(6), { type: 'copy.uncertain' });
    it.answer(6);
    expect(it.told).toEqual(['copy.merged 6', 'shadow.unsynced', 'copy.replaced 6', 'shadow.synced']);
  });

  test('what was merged into the answer is uncertain: it asks again', () => {
    const it = shadow();
    it.send(watch(), granted, updated(6), got(5), { type: 'copy.uncertain' });
    it.answerOnly({ type: 'response.accepted', version: 5 });
    expect(it.place).toContain('retrying');
  });

  test('fault:H-1 fault:H-2 unwatched takes what comes, whoever asked for it, and asks nothing', () => {
    const it = shadow();
    it.send(got(5), updated(6), updated(8), { type: 'answer.unmatched' });
    expect(it.told).toEqual(['copy.replaced 5', 'copy.merged 6']);
    expect({ gets: it.gets.length, unmatched: it.context.unmatched }).toEqual({ gets: 0, unmatched: 1 });
  });

  test('a get that is not answered is asked again, ever later, at most once a minute', () => {
    const it = shadow();
    it.send(watch(), granted);
    const pauses = Array.from({ length: 9 }, () => {
      it.clock.advance(5_000);
      expect(it.place).toContain('retrying');
      const pause = it.clock.nextIn;
      it.clock.advance(pause ?? 0);
      expect(it.place).toContain(ASKING);
      return pause;
    });
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    it.answer(1);
    expect(it.context.failures).toBe(0);
  });

  test('fault:H-15 its topics are refused: it says so, and asks for nothing until it is watched anew', () => {
    const it = shadow();
    it.sync(5);
    it.send({ type: 'topics.refused', error: error('SUBSCRIPTION_REFUSED') });
    expect(it.told).toEqual(['shadow.unsynced', 'shadow.refused']);
    it.send(lost);
    it.clock.advance(3_600_000);
    expect({ gets: it.gets.length, place: it.place }).toEqual({
      gets: 1,
      place: 'copy.watched.refused + delta.none',
    });
    it.send(watch(), granted);
    expect({ gets: it.gets.length, held: it.held }).toEqual({ gets: 2, held: ['deltas', 'deltas'] });
  });

  test.each([
    ['SUBSCRIPTION_REFUSED', 'refused'],
    ['CONNECTION_LOST', 'retrying'],
  ] as const)('fault:H-15 its get cannot be asked for, %s: %s', (code, place) => {
    const openGet = () =>
      new Handle<ShadowOperationPorts>({
        watchLine: (listener) => {
          listener({ type: 'line.up' });
          return () => undefined;
        },
        takeSlot: (taken) => {
          taken();
          return () => undefined;
        },
        listen: (listener) => {
          listener({ type: 'topics.refused', error: error(code) });
          return () => undefined;
        },
        publish: () => () => undefined,
        onReleased: () => () => undefined,
      });
    const it = shadow({ openGet });
    it.send(watch(), granted);
    expect({ place: it.place, told: it.told }).toEqual({
      place: `copy.watched.${place} + delta.none`,
      told: [place === 'refused' ? 'shadow.refused' : 'shadow.unanswered'],
    });
  });

  test('watching less holds less, and misses nothing; watching more asks again', () => {
    const it = shadow();
    it.sync(5, false, watch(true, true));
    it.send(watch(true, false));
    expect({ place: it.place, held: it.held }).toEqual({
      place: `${SYNCED} + delta.none`,
      held: ['deltas documents', 'deltas'],
    });
    it.send(watch(true, true), granted);
    expect({ gets: it.gets.length, held: it.held.at(-1) }).toEqual({ gets: 2, held: 'deltas documents' });
    it.send({ type: 'unwatch' });
    expect(it.counts).toMatchObject({ lines: 0, openGets: 0 });
  });
});

describe('a deletion', () => {
  test('py:H16 begins the versions anew: a delta of a lower one is told', async () => {
    const it = shadow();
    it.sync(9, true);
    await it.offers[0]?.take();
    it.send(deleted(9));
    expect(it.told).toEqual(['copy.deleted', 'delta.gone']);
    it.send(delta(1));
    expect(it.told).toEqual(['shadow.unsynced', 'delta.passed 1']);
    it.answer(1, true);
    expect(it.context.versions.copy).toBe(1);
  });

  test('fault:H-19 overtaken by what was made since: that was merged into what is gone, so AWS is asked', () => {
    const it = shadow();
    it.sync(5);
    it.send(updated(6), deleted(5));
    expect(it.place).toContain(ASKING);
    it.answer(6);
    expect(it.told).toEqual(['copy.merged 6', 'shadow.unsynced', 'copy.replaced 6', 'shadow.synced']);
  });

  test('fault:H-19 overtaken by older updates and documents: these make nothing', () => {
    for (const late of [updated(5), got(5), documents(5), delta(5)]) {
      const it = shadow();
      it.sync(5, false, watch(true, true));
      it.send(deleted(5), late);
      expect(it.place).toContain(ASKING);
      it.answerMissing();
      expect({ copy: it.context.versions.copy, hasDelta: it.context.hasDelta }).toEqual({
        copy: undefined,
        hasDelta: false,
      });
      expect(it.place).toContain(SYNCED);
    }
  });

  test('while it asks: the answer may be older', () => {
    const it = shadow();
    it.send(watch(), granted, deleted(5));
    it.answer(5);
    expect(it.place).toContain('retrying');
    it.clock.advance(500);
    it.answerMissing();
    expect({ place: it.place, copy: it.context.versions.copy }).toEqual({
      place: `${SYNCED} + delta.none`,
      copy: undefined,
    });
  });

  test('none, but an update has come meanwhile: it asks again', () => {
    const it = shadow();
    it.sync(5);
    it.send(lost, granted, updated(6));
    it.answerMissing();
    it.clock.advance(500);
    it.answer(6);
    expect(it.told).toEqual(['shadow.unsynced', 'copy.deleted', 'copy.replaced 6', 'shadow.synced']);
  });

  test('that nobody saw: AWS counts from one again, and the old copy is no more', () => {
    const it = shadow();
    it.sync(9);
    it.send(lost, granted);
    it.answer(2);
    expect({ told: it.told, place: it.place }).toEqual({
      told: ['shadow.unsynced', 'copy.deleted'],
      place: 'copy.watched.retrying + delta.none',
    });
    it.clock.advance(500);
    it.answer(2);
    expect(it.told).toEqual(['copy.replaced 2', 'shadow.synced']);
  });

  test('an app that asks finds none: the copy is gone, and AWS is asked once more', () => {
    const it = shadow();
    it.sync(5);
    it.send(missing);
    expect({ told: it.told, gets: it.gets.length }).toEqual({
      told: ['shadow.unsynced', 'copy.deleted'],
      gets: 2,
    });
    it.answerMissing();
    expect(it.place).toContain(SYNCED);
  });
});

describe('a delta', () => {
  test('py:H7 py:H28 is offered, one at a time, and of those that come meanwhile the newest', async () => {
    const it = shadow();
    it.sync(2);
    it.send(delta(3), delta(4), delta(5));
    expect({ told: it.told, offers: it.offers.length }).toEqual({
      told: ['delta.passed 3', 'delta.passed 4', 'delta.passed 5'],
      offers: 1,
    });
    await it.offers[0]?.take();
    expect(it.offers).toHaveLength(2);
    await it.offers[1]?.take();
    expect({ offers: it.offers.length, place: it.place }).toEqual({
      offers: 2,
      place: `${SYNCED} + delta.none`,
    });
  });

  test('py:H6 py:H29 an older one, or the same again, is dropped', async () => {
    const it = shadow();
    it.sync(2);
    it.send(delta(3));
    await it.offers[0]?.take();
    it.send(delta(1), delta(3));
    expect(it.offers).toHaveLength(1);
  });

  test('fault:H-7 that was lost with the line comes with the answer, merged into one', async () => {
    const it = shadow();
    it.sync(2);
    it.send(lost, granted);
    it.answer(6, true);
    expect(it.told).toEqual(['shadow.unsynced', 'copy.replaced 6', 'delta.passed 6', 'shadow.synced']);
    await it.offers[0]?.take();
    it.send(delta(6));
    expect(it.offers).toHaveLength(1);
  });

  test('py:H9 nobody watches deltas: none is told; and who watches again is told the one that there is', async () => {
    const it = shadow();
    it.sync(3, true, watch(true, true));
    await it.offers[0]?.take();
    it.send(watch(false, true), delta(5));
    expect(it.told).toEqual([]);
    it.send(watch(true, true), granted);
    it.answer(3, true);
    expect(it.offers).toHaveLength(2);
  });

  test.each([
    ['the next delta', delta(4), ['delta.passed 4']],
    ['the next get', got(3, true), ['copy.replaced 3', 'delta.passed 3']],
    ['a new handler', { type: 'handler.added' }, []],
  ] as const)(
    'fault:H-18 that a handler failed to take stays, and is offered again with %s',
    async (_, event, told) => {
      const it = shadow();
      it.sync(2);
      it.send(delta(3));
      await it.offers[0]?.fail();
      it.clock.advance(3_600_000);
      expect({ offers: it.offers.length, place: it.place }).toEqual({
        offers: 1,
        place: `${SYNCED} + delta.outstanding`,
      });
      expect(it.told).toEqual(['delta.passed 3']);
      it.send(event);
      expect({ offers: it.offers.length, told: it.told }).toEqual({ offers: 2, told });
    },
  );

  test('fault:H-18 a failure with a newer one waiting: that is offered at once', async () => {
    const it = shadow();
    it.sync(2);
    it.send(delta(3), delta(4));
    await it.offers[0]?.fail();
    expect(it.offers).toHaveLength(2);
  });

  test.each([
    ['a document without one', got(4)],
    ['a copy without one', { type: 'delta.resolved', version: 4 }],
    ['the deletion', deleted(3)],
    ['nobody who watches', { type: 'unwatch' }],
  ] as const)('that is outstanding ends with %s', async (_, event) => {
    const it = shadow();
    it.sync(3, true);
    await it.offers[0]?.fail();
    it.send(event);
    expect(it.place).toMatch(/delta\.none$/);
    it.send({ type: 'handler.added' });
    expect(it.offers).toHaveLength(1);
  });

  test('that a newer copy does not have any more is not told when it comes late', () => {
    const it = shadow();
    it.sync(2);
    it.send(updated(3), updated(4), { type: 'delta.resolved', version: 4 }, delta(3));
    expect(it.offers).toEqual([]);
    // A copy may be wrong: what AWS says of the same version counts.
    it.send(got(5, true));
    expect(it.offers).toHaveLength(1);
  });

  test('a new handler, while another one has not done: it is offered after it', async () => {
    const it = shadow();
    it.sync(3, true);
    it.send({ type: 'handler.added' });
    expect(it.offers).toHaveLength(1);
    await it.offers[0]?.take();
    expect(it.offers).toHaveLength(2);
  });
});

describe('whatever is wrong', () => {
  const broken = (): never => {
    throw new TypeError('test');
  };

  test.each(['watchLine', 'watchTopics'] as const)('%s throws: it says so, and lives', (port) => {
    const it = shadow({ [port]: broken });
    it.send(watch());
    expect(it.told).toEqual(['shadow.faulted']);
  });

  test('offerDelta throws: the delta has not been taken', async () => {
    const it = shadow({ offerDelta: broken });
    it.sync(3, true);
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
    expect(it.place).toMatch(/delta\.outstanding$/);
  });

  test('requests are counted, and never below none', () => {
    const it = shadow();
    const ended = { type: 'operation.ended', outcome: { type: 'accepted', version: 1 } } as const;
    it.send({ type: 'operation.started' }, { type: 'operation.started' }, ended);
    expect(it.context.operations).toBe(1);
    it.send(ended, ended);
    expect(it.context.operations).toBe(0);
  });
});
