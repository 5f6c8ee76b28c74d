import { describe, expect, it } from 'vitest';
import type { OutboxOptions } from '../../../src/delivery/outbox-options.ts';
import { IotError } from '../../../src/protocol/errors.ts';
import { names, OutboxFixture } from '../../support/outbox-fixture.ts';
import { HeldJournal } from '../../support/outbox-journal.ts';
import type { ScriptedWire, WireScript } from '../../support/scripted-wire.ts';

const aborted = new IotError('TIMEOUT', 'too late');
const closed = new IotError('CLOSED', 'closed');
const refused = new IotError('PUBLISH_REFUSED', 'no');
const storeFull = new IotError('STORE_FULL', 'no space left');

/** Without a line. */
function durable(options: Partial<OutboxOptions> = {}): [OutboxFixture, HeldJournal] {
  const journal = new HeldJournal();
  return [new OutboxFixture({ journal, ...options }), journal];
}

/** With a line, and the flow free. */
function durableLive(
  options: Partial<OutboxOptions> = {},
  script: WireScript = {},
): [OutboxFixture, HeldJournal, ScriptedWire] {
  const journal = new HeldJournal();
  const [box, wire] = OutboxFixture.live({ journal, ...options }, script);
  return [box, journal, wire];
}

describe('a message that a journal must keep', () => {
  it('is written once it is kept, and not before', () => {
    const [box, journal, wire] = durableLive();
    box.addAll(['a', 'b']);
    expect([wire.payloads, box.counts.waiting]).toEqual([[], 2]);
    journal.answer();
    expect(wire.payloads).toEqual(['a']);
    journal.answer();
    wire.answer('a');
    expect([wire.payloads, box.told]).toEqual([['a', 'b'], ['delivered a']]);
  });

  it('is announced once it is kept, and not before', () => {
    const [box, journal] = durable();
    box.addAll(['a', 'b']);
    expect(box.told).toEqual([]);
    journal.answer();
    expect(box.told).toEqual(['queued a']);
    journal.answer();
    expect(box.told).toEqual(['queued a', 'queued b']);
  });

  it('takes its place at the call: nothing overtakes it, not even QoS 0', () => {
    const [box, journal, wire] = durableLive();
    box.add('a');
    box.add('zero', 0);
    box.add('b');
    expect(wire.payloads).toEqual([]);
    journal.answer();
    expect(wire.payloads).toEqual(['a', 'zero']);
    journal.answer();
    expect(wire.payloads).toEqual(['a', 'zero', 'b']);
  });

  it('is never QoS 0: that goes at once', () => {
    const [box, journal, wire] = durableLive();
    box.add('zero', 0);
    expect([wire.payloads, journal.asked, journal.released]).toEqual([['zero'], 0, []]);
  });

  it('counts in the backlog and in what has joined, so that a drain sees it', () => {
    const [box, journal] = durable();
    box.addAll(names(3));
    expect([box.outbox.backlog, box.outbox.joined]).toEqual([3, 3]);
    box.outbox.setFlow('paced');
    const wire = box.attach();
    box.outbox.release(3);
    expect([box.outbox.backlog, wire.payloads]).toEqual([0, []]);
    journal.answerAll();
    expect([wire.payloads, box.outbox.joined]).toEqual([names(3), 3]);
  });

  it('counts against the bounds', () => {
    const [box] = durable({ maxMessages: 2, maxBytes: 7 });
    expect([box.tryAdd('aaa'), box.tryAdd('bbb'), box.tryAdd('cc')]).toEqual([
      'added',
      'QUEUE_FULL',
      'added',
    ]);
    expect(box.outbox.bytes).toBe(7);
    const [live] = durableLive({ maxMessages: 1, maxBytes: 7 });
    expect([live.tryAdd('aaa'), live.tryAdd('bb'), live.tryAdd('c')]).toEqual([
      'added',
      'added',
      'QUEUE_FULL',
    ]);
  });

  it('is not asked for when there is no room for it', () => {
    const [box, journal] = durable({ maxMessages: 1 });
    expect([box.tryAdd('a'), box.tryAdd('b'), journal.asked]).toEqual(['added', 'QUEUE_FULL', 1]);
  });

  it('hears `queued` when the flow closed between its call and its answer', () => {
    const [box, journal, wire] = durableLive();
    box.add('a');
    box.outbox.setFlow('closed');
    expect(box.told).toEqual([]);
    journal.answer();
    expect([box.told, wire.payloads]).toEqual([['queued a'], []]);
    box.outbox.setFlow('free');
    expect(wire.payloads).toEqual(['a']);
  });

  it('hears `queued` before it hears that it is delivered, when the line came back before the answer', () => {
    const [box, journal] = durable();
    box.add('a');
    box.outbox.setFlow('free');
    const wire = box.attach({ answersAtOnce: 'all' });
    expect(wire.payloads).toEqual([]);
    journal.answer();
    expect(box.told).toEqual(['queued a', 'delivered a']);
  });

  it('makes nobody go with dropNewest, also when the line broke before it was kept', () => {
    const [box, journal] = durableLive({ window: 1, maxMessages: 1, overflow: 'dropNewest' });
    box.addAll(['in flight', 'waits']);
    journal.answerAll();
    box.add('comes');
    box.outbox.detach();
    journal.answerAll();
    expect(box.told).toEqual(['queued in flight', 'queued waits', 'queued comes']);
  });

  it('is rejected when the journal cannot keep it, and what is behind it goes on', () => {
    const [box, journal, wire] = durableLive();
    box.addAll(['a', 'b']);
    box.add('zero', 0);
    journal.answer(1, storeFull);
    expect(box.failures.get('a')).toBe(storeFull);
    journal.answer();
    expect([wire.payloads, box.told]).toEqual([
      ['b', 'zero'],
      ['failed a STORE_FULL', 'delivered zero'],
    ]);
    expect(journal.released).toEqual([]);
  });

  it('needs no line to be flushed: it was not sent', () => {
    const [box] = durableLive();
    box.add('a');
    box.outbox.onFlushed(() => box.told.push('flushed'));
    expect(box.told).toEqual(['flushed']);
  });

  it('fault:G-4 lets its observer publish, end and request from inside of its calls', () => {
    const [box, journal] = durable();
    const wire = box.attach();
    box.add('a', 1, {}, { queued: () => box.add('b') });
    const c = box.add('c', 1, {}, { queued: () => box.request('get') });
    box.add('d', 1, {}, { queued: () => box.outbox.end(c, aborted) });
    journal.answerAll();
    expect(box.told).toEqual(['queued a', 'queued c', 'queued d', 'failed c TIMEOUT', 'queued b']);
    expect([wire.payloads, journal.released]).toEqual([['get'], ['c']]);
  });

  it('fault:G-4 lets its observer close from inside of its call: what was not kept is released', () => {
    const [box, journal] = durable();
    box.add('a', 1, {}, { queued: () => box.outbox.close(closed) });
    box.add('b');
    journal.answerAll();
    expect(box.told).toEqual(['queued a', 'failed a CLOSED', 'failed b CLOSED']);
    expect([journal.released, journal.violations]).toEqual([['b'], []]);
  });
});

describe('what a journal has', () => {
  it('is released when it ends, however it does, and each once', () => {
    const [box, journal, wire] = durableLive({ window: 4, maxBytes: 14, overflow: 'dropOldest' });
    const [, , aborts] = box.addAll(['delivered', 'refused', 'aborted']);
    const onWire = box.add('expired', 1, { expiresInMs: 10 });
    journal.answerAll();
    wire.answer('delivered');
    wire.answer('refused', refused);
    if (aborts !== undefined) box.outbox.end(aborts, aborted);
    expect(onWire.place).toBe('inFlight');
    box.clock.advance(10);
    box.outbox.detach();
    expect(journal.released).toEqual(['delivered', 'refused', 'aborted', 'expired']);
    box.addAll(['evicted', 'evicts it']);
    expect(journal.released.at(-1)).toBe('evicted');
    expect([box.failures.get('evicted')?.code, journal.violations]).toEqual(['QUEUE_EVICTED', []]);
  });

  it('stays in it while it is in flight, to be resent or waiting', () => {
    const [box, journal, wire] = durableLive({ window: 1 });
    box.addAll(['a', 'b']);
    journal.answerAll();
    box.outbox.detach();
    box.attach();
    wire.answer('a');
    expect(journal.released).toEqual([]);
  });

  it.each(['aborted', 'expired', 'evicted'])('is released when it was %s before it was kept', (how) => {
    const [box, journal] = durable({ maxMessages: 1, overflow: 'dropOldest' });
    const entry = box.add('a', 1, how === 'expired' ? { expiresInMs: 10 } : {});
    if (how === 'aborted') box.outbox.end(entry, aborted);
    if (how === 'evicted') box.add('b');
    if (how === 'evicted') expect(journal.asked).toBe(1);
    box.clock.advance(10);
    expect([journal.released, box.clock.pending]).toEqual([['a'], 0]);
    expect(box.failures.get('a')?.outcomeUnknown).toBe(false);
    expect(box.told.filter((told) => told.endsWith(' a'))).toEqual([]);
  });

  it('ignores an answer that comes after the end', () => {
    const [box, journal, wire] = durableLive();
    const answers: ((error?: IotError) => void)[] = [];
    const keep = journal.keep.bind(journal);
    journal.keep = (message, expiresAt, done) => {
      answers.push(done);
      return keep(message, expiresAt, done);
    };
    box.outbox.end(box.add('a'), aborted);
    box.outbox.end(box.add('b'), aborted);
    answers[0]?.();
    answers[1]?.(storeFull);
    expect([wire.payloads, box.told]).toEqual([[], ['failed a TIMEOUT', 'failed b TIMEOUT']]);
  });

  it('stays in it at close when it was accepted; what was not is released', () => {
    const [box, journal, wire] = durableLive({ window: 1 });
    box.addAll(['in flight', 'waits']);
    journal.answerAll();
    box.add('not kept');
    box.outbox.close(closed);
    expect(journal.released).toEqual(['not kept']);
    expect([...box.failures.values()].map(({ outcomeUnknown }) => outcomeUnknown)).toEqual([
      true,
      true,
      false,
    ]);
    wire.answer('in flight');
    expect([journal.released, journal.asked]).toEqual([['not kept'], 0]);
  });

  it('is announced at close when its sender has heard nothing yet: the next process will deliver it', () => {
    const [box, journal] = durableLive({ window: 1 });
    box.addAll(['in flight', 'kept']);
    journal.answerAll();
    box.add('not kept');
    box.outbox.close(closed);
    expect(box.told).toEqual([
      'queued in flight',
      'failed in flight CLOSED',
      'queued kept',
      'failed kept CLOSED',
      'failed not kept CLOSED',
    ]);
  });

  it('is asked to try its store again at each new line', () => {
    const [box, journal] = durableLive();
    expect(journal.openings).toBe(1);
    box.outbox.detach();
    expect(journal.openings).toBe(1);
    box.attach();
    expect(journal.openings).toBe(2);
  });
});

describe('what an earlier process left', () => {
  it('goes before all that waits, in its order, and after what is to be resent', () => {
    const [box, journal] = durableLive({ window: 2 }, { answersAtOnce: 'none' });
    box.addAll(['a', 'b', 'c']);
    journal.answerAll();
    box.outbox.detach();
    box.recover(['r0', 'r1']);
    expect(box.entries).toEqual(['a toResend', 'b toResend', 'r0 waiting', 'r1 waiting', 'c waiting']);
    expect(box.attach({ answersAtOnce: 'all' }).payloads).toEqual(['a', 'b', 'r0', 'r1', 'c']);
  });

  it('goes before what is not kept yet, and that is not waited for', () => {
    const [box, journal, wire] = durableLive();
    box.add('a');
    box.recover(['r0']);
    expect(wire.payloads).toEqual(['r0']);
    journal.answer();
    expect(wire.payloads).toEqual(['r0', 'a']);
  });

  it('goes first when nothing else is there, and what comes later goes behind it', () => {
    const [box, journal] = durable();
    box.recover(['r0', 'r1']);
    box.recover([]);
    box.add('a');
    journal.answerAll();
    box.outbox.setFlow('free');
    expect(box.attach().payloads).toEqual(['r0', 'r1', 'a']);
  });

  it('does not overtake what is in flight or has had its turn', () => {
    const [box, , wire] = durableLive({ window: 1 });
    box.add('zero', 0);
    box.request('get');
    box.recover(['r0']);
    expect([wire.payloads, box.counts]).toEqual([['zero', 'get'], { inFlight: 0, toResend: 0, waiting: 1 }]);
    wire.answer('get');
    expect(wire.payloads).toEqual(['zero', 'get', 'r0']);
  });

  it('is paced as all that waits', () => {
    const [box] = durable();
    box.outbox.setFlow('paced');
    const wire = box.attach();
    box.recover(['r0', 'r1']);
    expect([wire.payloads, box.outbox.backlog, box.outbox.joined]).toEqual([[], 2, 0]);
    box.outbox.release(1);
    expect(wire.payloads).toEqual(['r0']);
  });

  it('is released when it is delivered, and stays when the outbox is closed', () => {
    const [box, journal, wire] = durableLive();
    box.recover(['r0', 'r1']);
    wire.answer('r0');
    box.outbox.close(closed);
    expect([box.told, journal.released]).toEqual([['delivered r0', 'failed r1 CLOSED'], ['r0']]);
  });

  it('is never called safely unsent: the earlier process may have sent it', () => {
    const [box, journal] = durable({ maxMessages: 1, overflow: 'dropOldest' });
    box.recover(['evicted', 'closed']);
    box.add('a');
    journal.answerAll();
    box.outbox.close(closed);
    expect(['evicted', 'closed'].map((name) => box.failures.get(name))).toMatchObject([
      { code: 'QUEUE_EVICTED', outcomeUnknown: true },
      { code: 'CLOSED', outcomeUnknown: true },
    ]);
  });

  it('fault:F-14 expires when it would have expired in the earlier process', () => {
    const [box, journal] = durable();
    box.recover(['late', 'over'], 10);
    box.clock.advance(9);
    expect(box.told).toEqual([]);
    box.clock.advance(1);
    expect(box.told).toEqual(['failed late MESSAGE_EXPIRED', 'failed over MESSAGE_EXPIRED']);
    expect([journal.released, box.clock.pending]).toEqual([['late', 'over'], 0]);
    box.outbox.setFlow('free');
    const wire = box.attach();
    box.recover(['long over'], 10);
    expect([wire.payloads, box.failures.get('long over')?.code]).toEqual([[], 'MESSAGE_EXPIRED']);
  });

  it('is kept although it is more than the limits, and makes way only for as much as comes', () => {
    const [box, journal] = durable({ maxMessages: 2, maxBytes: 1_000, overflow: 'dropOldest' });
    box.recover(names(5));
    expect([box.counts.waiting, box.outbox.bytes]).toEqual([5, 15]);
    box.add('a');
    // Whether the store takes it is not known yet: if it does not, nobody went for it.
    expect([box.told, journal.released]).toEqual([[], []]);
    journal.answerAll();
    expect([box.told, journal.released]).toEqual([['failed m0 QUEUE_EVICTED', 'queued a'], ['m0']]);
    expect(box.entries.map((entry) => entry.split(' ')[0])).toEqual(['m1', 'm2', 'm3', 'm4', 'a']);
  });

  it('is kept although it has more bytes than may wait', () => {
    const [box, journal] = durable({ maxBytes: 6, overflow: 'dropOldest' });
    box.recover(names(5));
    box.add('1234');
    journal.answerAll();
    expect(box.told).toEqual(['failed m0 QUEUE_EVICTED', 'failed m1 QUEUE_EVICTED', 'queued 1234']);
    expect(box.tryAdd('123456')).toBe('QUEUE_FULL');
    expect(box.outbox.bytes).toBe(14);
  });

  it('makes no way for what the store does not take', () => {
    const [box, journal] = durable({ maxMessages: 2, overflow: 'dropOldest' });
    box.recover(names(2));
    box.addAll(['a', 'b', 'c']);
    expect(box.told).toEqual(['failed a QUEUE_EVICTED']);
    journal.answer(1, new IotError('STORE_FULL', 'no room'));
    journal.answerAll();
    expect(box.told.slice(1)).toEqual(['failed b STORE_FULL', 'failed m0 QUEUE_EVICTED', 'queued c']);
    expect(box.entries).toEqual(['m1 waiting', 'c waiting']);
  });

  it('is the oldest also when younger ones of QoS 0 were accepted before it', () => {
    const [box, journal] = durable({ maxMessages: 1, overflow: 'dropOldest' });
    box.add('a');
    box.add('b', 0);
    journal.answerAll();
    expect(box.told).toEqual(['queued b', 'failed a QUEUE_EVICTED']);
    expect(box.entries).toEqual(['b waiting']);
  });

  it('leaves no room for more with dropNewest', () => {
    const [box, journal] = durable({ maxMessages: 2 });
    box.recover(names(2));
    expect([box.tryAdd('a'), journal.asked]).toEqual(['QUEUE_FULL', 0]);
  });

  it('stays in the journal when it is found after the close', () => {
    const [box, journal] = durable();
    box.attach();
    box.outbox.close(closed);
    box.recover(['r0'], 1_000);
    expect([box.told, journal.released]).toEqual([[], []]);
    expect([box.counts.waiting, box.clock.pending]).toEqual([0, 0]);
  });
});

describe('changed limits', () => {
  it('py:Q23 keep what waits, and bound what comes', () => {
    const box = new OutboxFixture({ maxMessages: 10 });
    box.addAll(names(5));
    box.outbox.limits = { maxMessages: 3, maxBytes: 1_000, overflow: 'dropNewest' };
    expect(box.outbox.limits).toEqual({ maxMessages: 3, maxBytes: 1_000, overflow: 'dropNewest' });
    expect([box.counts.waiting, box.told.length, box.tryAdd('a')]).toEqual([5, 5, 'QUEUE_FULL']);
    box.outbox.limits = { maxMessages: 3, maxBytes: 1_000, overflow: 'dropOldest' };
    expect([box.tryAdd('a'), box.counts.waiting]).toEqual(['added', 5]);
    expect(box.failures.get('m0')?.code).toBe('QUEUE_EVICTED');
    box.outbox.limits = { maxMessages: 6, maxBytes: 1_000, overflow: 'dropNewest' };
    expect([box.tryAdd('b'), box.tryAdd('c')]).toEqual(['added', 'QUEUE_FULL']);
  });

  it('py:Q23 keep what has more bytes than may wait', () => {
    const box = new OutboxFixture({ maxBytes: 100 });
    box.addAll(names(5));
    box.outbox.limits = { maxMessages: 100, maxBytes: 4, overflow: 'dropOldest' };
    expect(box.tryAdd('too large for it')).toBe('QUEUE_FULL');
    expect([box.tryAdd('abc'), box.outbox.bytes]).toEqual(['added', 13]);
    expect([...box.failures.keys()]).toEqual(['m0', 'm1']);
  });

  it('say only what they are, whatever else the options have', () => {
    const box = new OutboxFixture({ maxMessages: 1, maxBytes: 2, overflow: 'dropOldest' });
    expect(box.outbox.limits).toEqual({ maxMessages: 1, maxBytes: 2, overflow: 'dropOldest' });
  });
});

describe('what has not ended', () => {
  it('is shown in the order in which it is sent, each with its place', () => {
    const [box, wire] = OutboxFixture.live({ window: 3 });
    box.addAll(names(5));
    wire.answer('m1');
    expect(box.entries).toEqual(['m0 inFlight', 'm2 inFlight', 'm3 inFlight', 'm4 waiting']);
    box.outbox.detach();
    box.attach({ receiveMaximum: 1 });
    expect(box.entries).toEqual(['m0 inFlight', 'm2 toResend', 'm3 toResend', 'm4 waiting']);
  });

  it('is a list of its own: it stays as it was', () => {
    const box = new OutboxFixture();
    box.addAll(['a', 'b']);
    const entries = box.outbox.entries();
    box.outbox.close(closed);
    expect([entries.length, box.entries]).toEqual([2, []]);
  });
});
