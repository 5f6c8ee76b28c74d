import { describe, expect, it } from 'vitest';
import { IotError } from '../../../src/protocol/errors.ts';
import { names, OutboxFixture } from '../../support/outbox-fixture.ts';

const aborted = new IotError('TIMEOUT', 'too late');
const refused = new IotError('PUBLISH_REFUSED', 'no');

/** Messages that a line left open when it ended. */
function leftOpen(count: number, options = {}) {
  const [box] = OutboxFixture.live(options);
  const entries = box.addAll(names(count));
  box.outbox.setFlow('closed');
  box.outbox.detach();
  return { box, entries };
}

describe('what a line leaves open', () => {
  it('is returned when it ends: QoS 1 without a PUBACK, in order, and nothing else', () => {
    const [box, wire] = OutboxFixture.live({ window: 4 }, { answersAtOnce: 'none' });
    const [a, b, , d] = box.addAll(['a', 'b', 'aborted', 'd', 'waits']);
    box.add('qos0', 0);
    wire.answer('a');
    box.outbox.end(box.add('late'), aborted);
    if (b !== undefined) wire.answer('b', refused);
    const open = box.outbox.detach().map(({ message }) => message.payload);
    expect(open).toEqual(['aborted', 'd', 'waits']);
    expect([a?.place, b?.place, d?.place]).toEqual(['ended', 'ended', 'toResend']);
  });

  it('has none that its caller has ended, none of QoS 0, and none that waits', () => {
    const [box] = OutboxFixture.live({ window: 2 }, { answersAtOnce: 'none' });
    const [a, b] = box.addAll(['a', 'b', 'waits']);
    box.add('qos0', 0);
    if (a !== undefined) box.outbox.end(a, aborted);
    expect(box.outbox.detach()).toEqual([b]);
    expect(box.outbox.detach()).toEqual([]);
  });

  it('has also what expired meanwhile: it was open when the line ended', () => {
    const [box] = OutboxFixture.live();
    const entry = box.add('a', 1, { expiresInMs: 10 });
    box.clock.advance(10);
    expect(box.outbox.detach()).toEqual([entry]);
    expect(entry.place).toBe('ended');
  });

  it('of the line before does not count for the next one: only what was written again', () => {
    const { box, entries } = leftOpen(3);
    box.attach({}, entries);
    box.outbox.setFlow('free');
    expect(box.outbox.detach()).toEqual([entries[0]]);
  });
});

describe('a line with suspects', () => {
  it('is sent nothing while the flow is closed, not even what is to be resent', () => {
    const { box, entries } = leftOpen(2);
    const wire = box.attach({}, entries);
    expect(wire.payloads).toEqual([]);
    box.outbox.setFlow('paced');
    expect(wire.payloads).toEqual(['m0']);
  });

  it('is sent nothing while the flow is closed although it has no suspects: filters are tried first', () => {
    const { box } = leftOpen(2);
    const wire = box.attach({}, []);
    expect(wire.payloads).toEqual([]);
    box.outbox.setFlow('paced');
    expect(wire.payloads).toEqual(['m0', 'm1']);
  });

  it('carries one at a time, each after the PUBACK of the one before, then opens its window', () => {
    const { box, entries } = leftOpen(5);
    box.outbox.setFlow('free');
    const wire = box.attach({}, entries.slice(0, 2));
    expect(wire.payloads).toEqual(['m0']);
    wire.answer('m0');
    expect(wire.payloads).toEqual(['m0', 'm1']);
    wire.answer('m1');
    expect(wire.payloads).toEqual(names(5));
  });

  it('carries also what is before and behind a suspect alone, so that a close has one cause', () => {
    const { box, entries } = leftOpen(4);
    box.outbox.setFlow('free');
    const wire = box.attach({}, entries.slice(2, 3));
    for (const name of ['m0', 'm1', 'm2']) {
      expect(wire.payloads.at(-1)).toBe(name);
      expect(box.counts.inFlight).toBe(1);
      wire.answer(name);
    }
    expect(wire.payloads).toEqual(names(4));
  });

  it('lets QoS 0 wait beside a suspect, and go once that has ended', () => {
    const { box, entries } = leftOpen(1);
    box.outbox.setFlow('free');
    const wire = box.attach({}, entries);
    box.add('qos0', 0);
    expect(wire.payloads).toEqual(['m0']);
    wire.answer('m0');
    expect(wire.payloads).toEqual(['m0', 'qos0']);
    box.add('more', 0);
    expect(wire.payloads).toEqual(['m0', 'qos0', 'more']);
  });

  it('counts a message that must wait beside a suspect against the bounds', () => {
    const { box, entries } = leftOpen(1, { maxBytes: 4 });
    box.outbox.setFlow('free');
    box.attach({}, entries);
    expect([box.tryAdd('12'), box.tryAdd('34')]).toEqual(['added', 'QUEUE_FULL']);
  });

  it('is ordinary once its suspects have ended: what is added goes at once, with all of the window', () => {
    const { box, entries } = leftOpen(1, { window: 3 });
    box.outbox.setFlow('free');
    const wire = box.attach({}, entries);
    wire.answer('m0');
    box.addAll(['a', 'b', 'c', 'd']);
    expect(wire.payloads).toEqual(['m0', 'a', 'b', 'c']);
  });

  it.each([
    ['refused by the broker', 'PUBLISH_REFUSED'],
    ['ended by its caller on the wire', 'TIMEOUT'],
  ])('is ordinary again when its suspect was %s', (_, code) => {
    const { box, entries } = leftOpen(3);
    box.outbox.setFlow('free');
    const [suspect] = entries;
    const wire = box.attach({}, entries.slice(0, 1));
    if (code === 'PUBLISH_REFUSED') wire.answer('m0', refused);
    else if (suspect !== undefined) box.outbox.end(suspect, aborted);
    expect(wire.payloads).toEqual(names(3));
    expect(box.failures.get('m0')?.code).toBe(code);
  });

  it('is ordinary when its suspect was ended or expired before its turn', () => {
    const [box] = OutboxFixture.live();
    const entries = [
      ...box.addAll(['a', 'b']),
      box.add('c', 1, { expiresInMs: 10 }),
      ...box.addAll(['d', 'e']),
    ];
    box.outbox.setFlow('closed');
    box.outbox.detach();
    const wire = box.attach({}, entries.slice(1, 3));
    if (entries[1] !== undefined) box.outbox.end(entries[1], aborted);
    box.clock.advance(10);
    box.outbox.setFlow('free');
    expect(wire.payloads).toEqual(['a', 'd', 'e']);
  });

  it('ignores a suspect that had ended before it began', () => {
    const { box, entries } = leftOpen(3);
    if (entries[0] !== undefined) box.outbox.end(entries[0], aborted);
    box.outbox.setFlow('free');
    expect(box.attach({}, entries.slice(0, 1)).payloads).toEqual(['m1', 'm2']);
  });

  it('takes each that has ended out of the set that it was given: nobody keeps a message that is done', () => {
    const { box, entries } = leftOpen(2);
    box.outbox.setFlow('free');
    const suspects = new Set(entries);
    const wire = box.attach();
    box.outbox.attach(wire, suspects);
    wire.answer('m0');
    expect([...suspects]).toEqual([entries[1]]);
  });

  it('of which the broker closes it again leaves exactly that one open', () => {
    const { box, entries } = leftOpen(3);
    box.outbox.setFlow('free');
    const wire = box.attach({}, entries);
    wire.answer('m0');
    expect(box.outbox.detach()).toEqual([entries[1]]);
    expect(box.attach().payloads).toEqual(['m1', 'm2']);
  });

  it('keeps the pace of a drain: a release that cannot go yet is not lost', () => {
    const { box, entries } = leftOpen(1);
    box.addAll(['a', 'b']);
    const wire = box.attach({}, entries);
    box.outbox.setFlow('paced');
    box.outbox.release(1);
    expect([wire.payloads, box.outbox.backlog]).toEqual([['m0'], 1]);
    wire.answer('m0');
    expect(wire.payloads).toEqual(['m0', 'a']);
  });
});
