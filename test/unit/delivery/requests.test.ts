import { describe, expect, it } from 'vitest';
import { IotError } from '../../../src/protocol/errors.ts';
import { names, OutboxFixture } from '../../support/outbox-fixture.ts';
import { HeldJournal } from '../../support/outbox-journal.ts';

const closed = new IotError('CLOSED', 'closed');
const refused = new IotError('PUBLISH_REFUSED', 'no');

describe('a request', () => {
  it('is written at once, past all that waits, whatever the flow is', () => {
    const box = new OutboxFixture();
    box.addAll(['a', 'b']);
    const wire = box.attach();
    expect([box.request('get', 1), box.request('get too', 0)]).toEqual([true, true]);
    expect(wire.payloads).toEqual(['get', 'get too']);
    wire.answer('get');
    expect(box.told).toEqual(['queued a', 'queued b', 'delivered get too', 'delivered get']);
    expect(box.counts).toEqual({ inFlight: 0, toResend: 0, waiting: 2 });
  });

  it('never waits: without a line, and without room, nothing is ever heard of it', () => {
    const box = new OutboxFixture({ window: 1 });
    expect(box.request('no line')).toBe(false);
    const wire = box.attach();
    expect([box.request('a'), box.request('no slot')]).toEqual([true, false]);
    wire.answer('a');
    box.outbox.detach();
    expect(box.request('no line any more')).toBe(false);
    expect([box.told, wire.payloads]).toEqual([['delivered a'], ['a']]);
  });

  it('takes a slot of the window until it is answered', () => {
    const [box, wire] = OutboxFixture.live({ window: 2 });
    box.request('get');
    box.addAll(['a', 'b', 'c']);
    expect(wire.payloads).toEqual(['get', 'a']);
    wire.answer('get', refused);
    expect(wire.payloads).toEqual(['get', 'a', 'b']);
    expect(box.failures.get('get')).toBe(refused);
  });

  it('takes no slot with QoS 0', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 }, { answersAtOnce: 'none' });
    box.request('get', 0);
    box.add('a');
    expect(wire.payloads).toEqual(['get', 'a']);
  });

  it('counts in the rate as every publish does, and is refused when it is used up', () => {
    const [box, wire] = OutboxFixture.live({ rate: { publishesPerSecond: 2, bytesPerSecond: 1_000 } });
    expect([box.request('get'), box.request('too soon')]).toEqual([true, false]);
    box.clock.advance(100);
    box.add('a');
    box.clock.advance(100);
    expect(box.request('too many in a second')).toBe(false);
    box.add('b');
    box.clock.advance(799);
    expect(wire.payloads).toEqual(['get', 'a']);
    box.clock.advance(1);
    expect(wire.payloads).toEqual(['get', 'a', 'b']);
  });

  it('ends with its line, and nobody knows what became of it', () => {
    const [box, wire] = OutboxFixture.live({ window: 3 }, { answersAtOnce: 'none' });
    box.request('get');
    box.request('get too', 0);
    box.add('a');
    box.outbox.detach();
    expect(box.takeTold()).toEqual([
      'failed get CONNECTION_LOST',
      'failed get too CONNECTION_LOST',
      'queued a',
    ]);
    expect(box.failures.get('get')?.outcomeUnknown).toBe(true);
    const next = box.attach();
    wire.answer('get');
    wire.answer('get too', refused);
    expect([next.payloads, box.told]).toEqual([['a'], []]);
    // The late answers gave no slot.
    box.addAll(names(5));
    expect(next.payloads).toEqual(['a', 'm0', 'm1']);
  });

  it('fault:B-2 is ended by its first answer: a second one gives no slot', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.request('get');
    wire.answer('get');
    box.addAll(['a', 'b']);
    wire.packets[0]?.done();
    wire.packets[0]?.done(refused);
    expect([wire.payloads, box.told]).toEqual([['get', 'a'], ['delivered get']]);
  });

  it('survives a close: its answer is still told, and the end of its line too', () => {
    const [box, wire] = OutboxFixture.live();
    box.request('get');
    box.request('lost');
    box.outbox.close(closed);
    wire.answer('get');
    box.outbox.detach();
    expect(box.told).toEqual(['delivered get', 'failed lost CONNECTION_LOST']);
  });

  it('is lost on a wire that throws, and nothing follows it', async () => {
    const error = new Error('wire');
    const onPublish = () => {
      throw error;
    };
    const [box, wire] = OutboxFixture.live({}, { onPublish });
    expect(box.request('get')).toBe(true);
    expect(box.request('next')).toBe(false);
    box.add('a');
    expect([wire.payloads, box.told]).toEqual([['get'], []]);
    box.outbox.detach();
    expect(box.failures.get('get')).toMatchObject({ code: 'CONNECTION_LOST', outcomeUnknown: true });
    await Promise.resolve();
    expect(box.reported).toEqual([error]);
  });

  it('hears its answer outside of the write, also when that comes within it', () => {
    const seen: string[] = [];
    const [box] = OutboxFixture.live(
      {},
      {
        onPublish: (packet) => {
          packet.done();
          seen.push('written');
        },
      },
    );
    box.request('get', 1, { delivered: () => seen.push('told') });
    expect(seen).toEqual(['written', 'told']);
  });

  it('may be lost inside of its write', () => {
    const [box] = OutboxFixture.live({}, { onPublish: () => box.outbox.detach() });
    expect(box.request('get')).toBe(true);
    expect(box.told).toEqual(['failed get CONNECTION_LOST']);
  });

  it('cannot be made from inside of a write', () => {
    const results: boolean[] = [];
    const [box, wire] = OutboxFixture.live({}, { onPublish: () => results.push(box.request('get')) });
    box.add('a');
    expect([results, wire.payloads]).toEqual([[false], ['a']]);
  });

  it('fault:G-4 makes the next one from inside of its end, ten thousand times', () => {
    const [box, wire] = OutboxFixture.live({}, { answersAtOnce: 'all' });
    const request = (left: number): void => {
      box.request(`r${left}`, 1, left === 0 ? {} : { delivered: () => request(left - 1) });
    };
    request(10_000);
    expect([wire.packets.length, box.told.length]).toEqual([10_001, 10_001]);
  });

  it('passes what the journal has not kept yet', () => {
    const [box, wire] = OutboxFixture.live({ journal: new HeldJournal() });
    box.add('unkept');
    expect([box.request('get'), wire.payloads]).toEqual([true, ['get']]);
  });
});

describe('room for a request', () => {
  it('is told at once when there is some, and once', () => {
    const [box, wire] = OutboxFixture.live();
    box.requestLater('get');
    wire.answer('get');
    expect(box.told).toEqual(['room get', 'delivered get']);
  });

  it('is told at the next line, before all that is to be resent and all that waits', () => {
    const [box] = OutboxFixture.live();
    box.add('resent');
    box.outbox.detach();
    box.add('waits');
    box.requestLater('get');
    expect(box.attach().payloads).toEqual(['get', 'resent', 'waits']);
  });

  it('comes with the first free slot, in the order of asking, however much waits', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.addAll(names(1_000));
    box.requestLater('x');
    box.requestLater('y');
    wire.answer('m0');
    wire.answer('x');
    wire.answer('y');
    expect(wire.payloads).toEqual(['m0', 'x', 'y', 'm1']);
  });

  it('comes with the rate, before all that waits', () => {
    const [box, wire] = OutboxFixture.live({ rate: { publishesPerSecond: 10, bytesPerSecond: 1_000 } });
    box.addAll(names(50));
    box.requestLater('x');
    box.requestLater('y', 0);
    box.clock.advance(300);
    expect(wire.payloads).toEqual(['m0', 'x', 'y', 'm1']);
  });

  it('comes when the rate has room for it, also when something larger was to wait longer', () => {
    const [box, wire] = OutboxFixture.live({ rate: { publishesPerSecond: 100, bytesPerSecond: 100 } });
    box.addAll([...names(10), 'large'.padEnd(80)]);
    expect(box.clock.nextIn).toBe(1_000);
    box.requestLater('small');
    box.clock.advance(100);
    expect(wire.payloads.slice(10)).toEqual(['small']);
  });

  it('is waited for by QoS 0 too, which then counts against the bounds', () => {
    const [box, wire] = OutboxFixture.live({ window: 1, maxBytes: 4 });
    box.add('a');
    box.requestLater('get');
    expect([box.tryAdd('bb', 0), box.outbox.bytes, box.tryAdd('cc', 0)]).toEqual(['added', 3, 'QUEUE_FULL']);
    wire.answer('a');
    expect(wire.payloads).toEqual(['a', 'get', 'bb']);
  });

  it('can be taken back; then what made way for it goes', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.add('a');
    const forget = box.requestLater('get');
    box.add('b', 0);
    expect(wire.payloads).toEqual(['a']);
    forget();
    forget();
    expect(wire.payloads).toEqual(['a', 'b']);
    wire.answer('a');
    expect(box.told).toEqual(['delivered b', 'delivered a']);
  });

  it('need not be used: then what waits goes on', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.addAll(['a', 'b']);
    box.outbox.onRoom({ topic: 't', payload: 'x', qos: 1, retain: false }, () => {});
    wire.answer('a');
    expect(wire.payloads).toEqual(['a', 'b']);
  });

  it('fault:G-1 goes to what waits when its callback throws', async () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    const error = new Error('callback');
    box.addAll(['a', 'b']);
    box.outbox.onRoom({ topic: 't', payload: 'x', qos: 1, retain: false }, () => {
      throw error;
    });
    wire.answer('a');
    expect(wire.payloads).toEqual(['a', 'b']);
    await Promise.resolve();
    expect(box.reported).toEqual([error]);
  });

  it('is given by a line under inquiry when its suspects have ended, and not before the flow opens', () => {
    const [box] = OutboxFixture.live();
    const entries = box.addAll(['a', 'b', 'c']);
    box.outbox.setFlow('closed');
    box.outbox.detach();
    const wire = box.attach({}, entries.slice(0, 2));
    box.requestLater('get');
    expect([box.request('now'), wire.payloads]).toEqual([false, []]);
    box.outbox.setFlow('free');
    wire.answer('a');
    expect([box.request('now'), wire.payloads]).toEqual([false, ['a', 'b']]);
    wire.answer('b');
    expect(wire.payloads).toEqual(['a', 'b', 'get', 'c']);
  });

  it('is given by a line under inquiry that has no suspects once the flow opens', () => {
    const box = new OutboxFixture();
    const wire = box.attach({}, []);
    box.requestLater('get');
    expect([box.request('now'), wire.payloads]).toEqual([false, []]);
    box.outbox.setFlow('paced');
    expect(wire.payloads).toEqual(['get']);
  });

  it('fault:G-4 lets its callback publish, close and lose the line', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.add('a');
    const message = { topic: 't', payload: 'x', qos: 1, retain: false } as const;
    box.outbox.onRoom(message, () => box.add('b'));
    box.outbox.onRoom(message, () => box.outbox.detach());
    box.outbox.onRoom(message, () => box.outbox.close(closed));
    wire.answer('a');
    expect(wire.payloads).toEqual(['a']);
    expect(box.takeTold()).toEqual(['delivered a', 'queued b']);
    const next = box.attach();
    expect([next.payloads, box.told]).toEqual([[], ['failed b CLOSED']]);
  });
});
