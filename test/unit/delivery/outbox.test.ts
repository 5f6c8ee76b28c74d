import { describe, expect, it } from 'vitest';
import { IotError } from '../../../src/protocol/errors.ts';
import { names, OutboxFixture } from '../../support/outbox-fixture.ts';

const refused = new IotError('PUBLISH_REFUSED', 'no', { remediation: 'Ask.' });
const aborted = new IotError('TIMEOUT', 'too late');
const closed = new IotError('CLOSED', 'closed');

describe('what the outbox writes', () => {
  it('writes at once on a live line, and tells nobody that it queued', () => {
    const [box, wire] = OutboxFixture.live();
    box.add('a', 1);
    box.add('b', 0);
    expect(wire.payloads).toEqual(['a', 'b']);
    expect(box.told).toEqual(['delivered b']);
    wire.answer('a');
    expect(box.told).toEqual(['delivered b', 'delivered a']);
  });

  it('writes nothing without a line, and nothing while the flow is closed', () => {
    const box = new OutboxFixture();
    box.outbox.setFlow('free');
    box.add('a');
    box.outbox.setFlow('closed');
    const wire = box.attach();
    box.add('b');
    expect(wire.payloads).toEqual([]);
    expect(box.told).toEqual(['queued a', 'queued b']);
    box.outbox.setFlow('free');
    expect(wire.payloads).toEqual(['a', 'b']);
  });

  it('py:Q19 py:D9 sends what was published before the first connect first, and newcomers last', () => {
    const box = new OutboxFixture();
    box.addAll(['a', 'b']);
    const wire = box.attach();
    box.outbox.setFlow('paced');
    box.outbox.release(1);
    box.add('c');
    box.outbox.release(1);
    box.outbox.release(1);
    expect(wire.payloads).toEqual(['a', 'b', 'c']);
  });

  it('has at most 100 unacknowledged publishes, or as many as the broker takes', () => {
    const [box, wire] = OutboxFixture.live();
    box.addAll(names(150));
    expect(box.counts).toEqual({ inFlight: 100, toResend: 0, waiting: 50 });
    wire.answer('m7');
    expect(wire.payloads.length).toBe(101);
    const [small, narrow] = OutboxFixture.live({}, { receiveMaximum: 2 });
    small.addAll(names(5));
    expect(narrow.payloads).toEqual(['m0', 'm1']);
    const [own] = OutboxFixture.live({ window: 3 });
    own.addAll(names(5));
    expect(own.counts.inFlight).toBe(3);
  });

  it('lets QoS 0 take no slot of the window, but overtake nothing', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.add('a', 1);
    box.add('b', 0);
    expect(wire.payloads).toEqual(['a', 'b']);
    box.add('c', 1);
    box.add('d', 0);
    expect(wire.payloads).toEqual(['a', 'b']);
    wire.answer('a');
    expect(wire.payloads).toEqual(['a', 'b', 'c', 'd']);
    expect(box.counts).toEqual({ inFlight: 1, toResend: 0, waiting: 0 });
  });

  it('fault:B-4 ends each message at its own PUBACK, in any order', () => {
    const [box, wire] = OutboxFixture.live();
    box.addAll(['a', 'b', 'c']);
    wire.answer('c');
    wire.answer('a');
    wire.answer('b');
    expect(box.told).toEqual(['delivered c', 'delivered a', 'delivered b']);
  });

  it('fault:B-2 ignores a second PUBACK: it ends nothing and frees no second slot', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.addAll(['a', 'b', 'c']);
    wire.answer('a');
    wire.packets[0]?.done();
    wire.packets[0]?.done(refused);
    expect(wire.payloads).toEqual(['a', 'b']);
    expect(box.told).toEqual(['delivered a']);
  });

  it('fault:B-5 tells a refusal by the broker, and goes on', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.addAll(['a', 'b']);
    wire.answer('a', refused);
    expect(box.failures.get('a')).toBe(refused);
    expect(wire.payloads).toEqual(['a', 'b']);
  });
});

describe('the flow', () => {
  it('lets one go for each release while it is paced, oldest first', () => {
    const box = new OutboxFixture();
    box.addAll(names(4));
    const wire = box.attach();
    box.outbox.setFlow('paced');
    expect([wire.payloads.length, box.outbox.backlog]).toEqual([0, 4]);
    box.outbox.release(1);
    expect([wire.payloads, box.outbox.backlog]).toEqual([['m0'], 3]);
    box.outbox.release(2);
    expect([wire.payloads, box.outbox.backlog]).toEqual([['m0', 'm1', 'm2'], 1]);
  });

  it('keeps a release for the messages that wait: the window or a missing line may hold them', () => {
    const box = new OutboxFixture({ window: 1 });
    box.addAll(names(3));
    box.outbox.setFlow('paced');
    box.outbox.release(2);
    expect(box.outbox.backlog).toBe(1);
    const wire = box.attach();
    expect(wire.payloads).toEqual(['m0']);
    wire.answer('m0');
    wire.answer('m1');
    expect(wire.payloads).toEqual(['m0', 'm1']);
  });

  it('keeps no release for messages that come later', () => {
    const box = new OutboxFixture();
    const [a] = box.addAll(['a', 'b']);
    box.outbox.setFlow('paced');
    box.outbox.release(9);
    expect(box.outbox.backlog).toBe(0);
    if (a !== undefined) box.outbox.end(a, aborted);
    box.add('c');
    expect(box.outbox.backlog).toBe(1);
    const wire = box.attach();
    expect(wire.payloads).toEqual(['b']);
  });

  it('forgets what was released and not used when it is no longer paced', () => {
    const box = new OutboxFixture();
    box.addAll(['a', 'b']);
    box.outbox.setFlow('paced');
    box.outbox.release(2);
    box.outbox.setFlow('closed');
    box.outbox.setFlow('paced');
    expect(box.outbox.backlog).toBe(2);
    expect(box.attach().payloads).toEqual([]);
  });

  it('takes no release while it is closed or free', () => {
    const box = new OutboxFixture();
    box.add('a');
    box.outbox.release(1);
    box.outbox.setFlow('paced');
    expect(box.attach().payloads).toEqual([]);
  });

  it('counts who began to wait, and never counts down', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.addAll(['a', 'b']);
    expect(box.outbox.joined).toBe(0);
    box.outbox.setFlow('paced');
    expect(box.outbox.joined).toBe(1);
    box.addAll(['c', 'd']);
    expect(box.outbox.joined).toBe(3);
    box.outbox.setFlow('free');
    wire.answer('a');
    expect(box.outbox.joined).toBe(3);
  });

  it('announces what only waited for the window when the flow leaves free, and not before', () => {
    const [box] = OutboxFixture.live({ window: 1 });
    box.addAll(['a', 'b', 'c']);
    expect(box.told).toEqual([]);
    box.outbox.setFlow('closed');
    expect(box.takeTold()).toEqual(['queued b', 'queued c']);
    box.outbox.setFlow('free');
    box.outbox.setFlow('closed');
    expect(box.told).toEqual([]);
  });
});

describe('the end of a line', () => {
  it('makes all in flight to be resent, before all that waits, and settles every open await', () => {
    const [box] = OutboxFixture.live({ window: 2 });
    box.addAll(['a', 'b', 'c']);
    box.outbox.detach();
    expect(box.counts).toEqual({ inFlight: 0, toResend: 2, waiting: 1 });
    expect(box.takeTold()).toEqual(['queued a', 'queued b', 'queued c']);
    const wire = box.attach();
    expect(wire.payloads).toEqual(['a', 'b']);
    wire.answer('a');
    expect(wire.payloads).toEqual(['a', 'b', 'c']);
  });

  it('keeps the order over three lines of which each took a part', () => {
    const [box, first] = OutboxFixture.live({ window: 3 });
    box.addAll(names(6));
    first.answer('m1');
    box.outbox.detach();
    const second = box.attach({ receiveMaximum: 1 });
    second.answer('m0');
    box.outbox.detach();
    const third = box.attach({ answersAtOnce: 'all' });
    expect(second.payloads).toEqual(['m0', 'm2']);
    expect(third.payloads).toEqual(['m2', 'm3', 'm4', 'm5']);
  });

  it('py:D16 resends whatever the flow is, unpaced and uncounted', () => {
    const [box] = OutboxFixture.live({ maxMessages: 1, overflow: 'dropOldest' });
    box.addAll(['a', 'b']);
    box.outbox.detach();
    box.outbox.setFlow('closed');
    box.addAll(['c', 'd']);
    expect(box.failures.get('c')?.code).toBe('QUEUE_EVICTED');
    expect(box.attach().payloads).toEqual(['a', 'b']);
    expect(box.outbox.backlog).toBe(1);
  });

  it('ignores what an older line answers', () => {
    const [box, old] = OutboxFixture.live({ window: 1 });
    box.addAll(['a', 'b']);
    box.outbox.detach();
    old.answer('a');
    expect(box.counts).toEqual({ inFlight: 0, toResend: 1, waiting: 1 });
    const wire = box.attach();
    old.answer('a', refused);
    expect(wire.payloads).toEqual(['a']);
    wire.answer('a');
    expect(box.told).toEqual(['queued a', 'queued b', 'delivered a']);
  });

  it('calls QoS 0 delivered when it was not taken yet: it may not be sent twice', () => {
    const [box] = OutboxFixture.live({}, { answersAtOnce: 'none' });
    box.add('a', 0);
    expect(box.told).toEqual([]);
    box.outbox.detach();
    expect(box.told).toEqual(['delivered a']);
    expect(box.attach().payloads).toEqual([]);
  });

  it('py:D11 loses nothing when it comes in the middle of a drain', () => {
    const box = new OutboxFixture();
    box.addAll(names(5), 0);
    const first = box.attach();
    box.outbox.setFlow('paced');
    box.outbox.release(1);
    box.outbox.detach();
    box.outbox.setFlow('closed');
    const second = box.attach();
    box.outbox.setFlow('free');
    expect([first.payloads, second.payloads]).toEqual([['m0'], ['m1', 'm2', 'm3', 'm4']]);
  });

  it('takes another wire without a detach as the end of the first', () => {
    const [box, first] = OutboxFixture.live({}, { answersAtOnce: 'none' });
    box.add('a');
    const second = box.attach();
    first.answer('a');
    expect(second.payloads).toEqual(['a']);
    expect(box.told).toEqual(['queued a']);
  });

  it('means nothing without a line', () => {
    const box = new OutboxFixture();
    box.add('a');
    box.outbox.detach();
    expect(box.told).toEqual(['queued a']);
  });

  it('says of a refused message that the outcome is unknown only when an earlier line carried it', () => {
    const [box] = OutboxFixture.live();
    box.add('a');
    box.outbox.detach();
    box.attach().answer('a', refused);
    expect(box.failures.get('a')).toMatchObject({
      code: 'PUBLISH_REFUSED',
      outcomeUnknown: true,
      remediation: 'Ask.',
    });
  });
});

describe('expiry', () => {
  it('fault:F-14 ends what waits too long, and says that it never left', () => {
    const box = new OutboxFixture();
    box.add('a', 1, { expiresInMs: 1_000 });
    box.clock.advance(999);
    expect(box.counts.waiting).toBe(1);
    box.clock.advance(1);
    expect(box.failures.get('a')).toMatchObject({ code: 'MESSAGE_EXPIRED', outcomeUnknown: false });
    expect(box.clock.pending).toBe(0);
  });

  it('ends what is to be resent, and says that the outcome is unknown', () => {
    const [box] = OutboxFixture.live();
    box.add('a', 1, { expiresInMs: 1_000 });
    box.outbox.detach();
    box.clock.advance(1_000);
    expect(box.failures.get('a')).toMatchObject({ code: 'MESSAGE_EXPIRED', outcomeUnknown: true });
  });

  it('leaves what is in flight to its PUBACK', () => {
    const [box, wire] = OutboxFixture.live();
    box.add('a', 1, { expiresInMs: 1_000 });
    box.clock.advance(5_000);
    wire.answer('a');
    expect(box.told).toEqual(['delivered a']);
  });

  it('ends what expired in flight when its line ends, instead of resending it', () => {
    const [box] = OutboxFixture.live();
    box.add('a', 1, { expiresInMs: 1_000 });
    box.add('b', 1);
    box.clock.advance(1_000);
    box.outbox.detach();
    expect(box.told).toEqual(['failed a MESSAGE_EXPIRED', 'queued b']);
    expect(box.failures.get('a')?.outcomeUnknown).toBe(true);
  });

  it('writes nothing that has expired, also when its timer is late', () => {
    const box = new OutboxFixture();
    box.add('a', 1, { expiresInMs: 0 });
    box.outbox.setFlow('free');
    expect(box.attach().payloads).toEqual([]);
    expect(box.told).toEqual(['queued a', 'failed a MESSAGE_EXPIRED']);
    expect(box.clock.pending).toBe(0);
  });

  it('waits for 100 days, although no timer can', () => {
    const box = new OutboxFixture();
    const days = 24 * 3_600_000;
    box.add('a', 1, { expiresInMs: 100 * days });
    expect(box.clock.nextIn).toBeLessThan(2 ** 31);
    box.clock.advance(100 * days - 1);
    expect(box.counts.waiting).toBe(1);
    box.clock.advance(1);
    expect(box.failures.get('a')?.code).toBe('MESSAGE_EXPIRED');
  });

  it('leaves no timer behind, whatever the end', () => {
    const [box, wire] = OutboxFixture.live();
    const options = { expiresInMs: 1_000 };
    box.add('delivered', 1, options);
    wire.answer('delivered');
    box.add('handed over', 0, options);
    box.outbox.end(box.add('aborted', 1, options), aborted);
    box.add('closed', 1, options);
    box.outbox.close(closed);
    expect(box.clock.pending).toBe(0);
  });
});

describe("the caller's own end", () => {
  it('ends what waits with exactly the error that it gave', () => {
    const box = new OutboxFixture();
    const entry = box.add('a');
    box.outbox.end(entry, aborted);
    expect(box.failures.get('a')).toBe(aborted);
    expect(box.counts.waiting).toBe(0);
  });

  it('says that the outcome is unknown once it was written, and keeps the error as it was', () => {
    const [box] = OutboxFixture.live();
    const cause = new Error('below');
    const error = new IotError('TIMEOUT', 'too late', { remediation: 'Wait longer.', cause });
    box.outbox.end(box.add('a'), error);
    const { code, message, remediation, outcomeUnknown, cause: kept } = box.failures.get('a') ?? aborted;
    expect({ code, message, remediation, outcomeUnknown, kept }).toEqual({
      code: 'TIMEOUT',
      message: 'too late',
      remediation: 'Wait longer.',
      outcomeUnknown: true,
      kept: cause,
    });
    expect(error.outcomeUnknown).toBe(false);
  });

  it('keeps the slot on the wire until the PUBACK, and the message is not sent again', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    const [a] = box.addAll(['a', 'b']);
    if (a !== undefined) box.outbox.end(a, aborted);
    expect(wire.payloads).toEqual(['a']);
    wire.answer('a');
    expect(wire.payloads).toEqual(['a', 'b']);
    expect(box.told).toEqual(['failed a TIMEOUT']);
  });

  it('gives the slot back at the end of the line', () => {
    const [box] = OutboxFixture.live({ window: 1 });
    const [a] = box.addAll(['a', 'b']);
    if (a !== undefined) box.outbox.end(a, aborted);
    box.outbox.detach();
    expect(box.attach().payloads).toEqual(['b']);
  });

  it('takes one out of what is to be resent', () => {
    const [box] = OutboxFixture.live();
    const [, b] = box.addAll(['a', 'b', 'c']);
    box.outbox.detach();
    if (b !== undefined) box.outbox.end(b, aborted);
    expect(box.attach().payloads).toEqual(['a', 'c']);
    expect(box.failures.get('b')?.outcomeUnknown).toBe(true);
  });

  it('means nothing after the end', () => {
    const [box, wire] = OutboxFixture.live();
    const entry = box.add('a');
    wire.answer('a');
    box.outbox.end(entry, aborted);
    box.outbox.end(entry, aborted);
    expect(box.told).toEqual(['delivered a']);
  });
});

describe('close', () => {
  it('py:Q22 ends all that is left, in order, each with its own outcome', () => {
    const [box] = OutboxFixture.live({ window: 1 });
    box.addAll(['a', 'b']);
    box.outbox.close(closed);
    expect(box.told).toEqual(['failed a CLOSED', 'failed b CLOSED']);
    expect([...box.failures.values()].map((error) => error.outcomeUnknown)).toEqual([true, false]);
    expect(box.counts).toEqual({ inFlight: 0, toResend: 0, waiting: 0 });
  });

  it('is final: no message, no wire, no second end', () => {
    const box = new OutboxFixture();
    box.add('a');
    box.outbox.close(closed);
    box.outbox.close(closed);
    expect(box.tryAdd('b')).toBe('CLOSED');
    const wire = box.attach();
    box.outbox.setFlow('free');
    box.outbox.detach();
    expect(wire.payloads).toEqual([]);
    expect(box.told).toEqual(['queued a', 'failed a CLOSED']);
  });

  it('ignores answers that come after it', () => {
    const [box, wire] = OutboxFixture.live();
    box.add('a');
    box.outbox.close(closed);
    wire.answer('a');
    expect(box.told).toEqual(['failed a CLOSED']);
  });
});

describe('onFlushed', () => {
  it('calls at once when nothing is on the wire, whatever waits', () => {
    const box = new OutboxFixture();
    box.add('a');
    let calls = 0;
    box.outbox.onFlushed(() => calls++);
    expect(calls).toBe(1);
  });

  it('calls once, when the last in flight has ended and its observer knows', () => {
    const [box, wire] = OutboxFixture.live();
    box.addAll(['a', 'b']);
    box.outbox.setFlow('closed');
    box.outbox.onFlushed(() => box.told.push('flushed'));
    wire.answer('a');
    expect(box.told).toEqual(['delivered a']);
    wire.answer('b');
    expect(box.told).toEqual(['delivered a', 'delivered b', 'flushed']);
    box.outbox.setFlow('free');
    box.outbox.detach();
    expect(box.told.length).toBe(3);
  });

  it('waits for what is to be resent, and ends at close', () => {
    const [box] = OutboxFixture.live();
    box.add('a');
    box.outbox.detach();
    let calls = 0;
    box.outbox.onFlushed(() => calls++);
    expect(calls).toBe(0);
    box.outbox.close(closed);
    expect(calls).toBe(1);
  });

  it('can be taken back', () => {
    const [box, wire] = OutboxFixture.live();
    box.add('a');
    let calls = 0;
    box.outbox.onFlushed(() => calls++)();
    wire.answer('a');
    expect(calls).toBe(0);
  });
});
