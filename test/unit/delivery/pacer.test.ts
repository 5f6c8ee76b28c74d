import { describe, expect, it } from 'vitest';
import { Pacer } from '../../../src/delivery/pacer.ts';
import { IotError } from '../../../src/protocol/errors.ts';
import type { OutgoingMessage } from '../../../src/protocol/message.ts';
import type { RateLimit } from '../../../src/protocol/queue-limits.ts';
import { SimulatedClock } from '../../../src/testing/simulated-clock.ts';
import { names, OutboxFixture } from '../../support/outbox-fixture.ts';

const closed = new IotError('CLOSED', 'closed');

function message(bytes: number): OutgoingMessage {
  return { topic: 't', payload: 'x'.repeat(bytes - 1), qos: 1, retain: false };
}

function pacer(limit: RateLimit): { pacer: Pacer; clock: SimulatedClock; looks: number[] } {
  const clock = new SimulatedClock();
  const looks: number[] = [];
  return { pacer: new Pacer(limit, clock, () => looks.push(clock.now())), clock, looks };
}

describe('a pacer', () => {
  it('says when to look again, once', () => {
    const { pacer: pace, clock, looks } = pacer({ publishesPerSecond: 10, bytesPerSecond: 100 });
    expect(pace.allows(message(5))).toBe(true);
    pace.sent(message(5));
    expect([pace.allows(message(5)), pace.allows(message(5)), clock.pending]).toEqual([false, false, 1]);
    clock.advance(5_000);
    expect([looks, clock.pending, pace.allows(message(5))]).toEqual([[100], 0, true]);
  });

  it('looks again when the first may go, whoever asked first', () => {
    const { pacer: pace, clock, looks } = pacer({ publishesPerSecond: 10, bytesPerSecond: 100 });
    pace.sent(message(50));
    expect([pace.allows(message(60)), clock.nextIn]).toEqual([false, 1_000]);
    expect([pace.allows(message(5)), clock.nextIn]).toEqual([false, 100]);
    expect([pace.allows(message(60)), clock.nextIn, clock.pending]).toEqual([false, 100, 1]);
    clock.advance(100);
    expect(pace.allows(message(60))).toBe(false);
    clock.advance(900);
    expect(looks).toEqual([100, 1_000]);
  });

  it('can be told to rest, and be asked again', () => {
    const { pacer: pace, clock, looks } = pacer({ publishesPerSecond: 1, bytesPerSecond: 100 });
    pace.sent(message(5));
    pace.allows(message(5));
    pace.rest();
    pace.rest();
    expect(clock.pending).toBe(0);
    clock.advance(400);
    pace.allows(message(5));
    clock.advance(600);
    expect(looks).toEqual([1_000]);
  });
});

describe('an outbox with a rate', () => {
  const rate = { publishesPerSecond: 20, bytesPerSecond: 1_000 };

  /** When each was written. */
  function timed(box: OutboxFixture): { times: number[]; onPublish: () => void } {
    const times: number[] = [];
    return { times, onPublish: () => times.push(box.clock.now()) };
  }

  it('fault:C-6 delays publishes of both QoS and loses none: a tenth at a time', () => {
    const box = new OutboxFixture({ rate });
    const { times, onPublish } = timed(box);
    box.outbox.setFlow('free');
    const wire = box.attach({ onPublish });
    for (const [index, name] of names(50).entries()) box.add(name, index % 2 === 0 ? 0 : 1);
    box.clock.advance(2_400);
    expect(wire.payloads).toEqual(names(50));
    expect(times).toEqual(names(50).map((_, index) => Math.floor(index / 2) * 100));
  });

  it('fault:C-6 counts resends, over the lines', () => {
    const [box] = OutboxFixture.live({ rate });
    box.addAll(names(4));
    box.clock.advance(100);
    box.outbox.detach();
    const { times, onPublish } = timed(box);
    const wire = box.attach({ onPublish });
    expect(wire.payloads).toEqual([]);
    box.clock.advance(200);
    expect([wire.payloads, times]).toEqual([names(4), [200, 200, 300, 300]]);
  });

  it('fault:C-6 holds to the bytes of topic and payload', () => {
    const box = new OutboxFixture({ rate: { publishesPerSecond: 100, bytesPerSecond: 12 } });
    const { times, onPublish } = timed(box);
    box.outbox.setFlow('free');
    box.attach({ onPublish });
    box.addAll(['12345', 'ü345', '1']);
    expect(times).toEqual([0, 0]);
    box.clock.advance(1_000);
    expect(times).toEqual([0, 0, 1_000]);
  });

  it('lets what waits for the rate count against the bounds', () => {
    const [box] = OutboxFixture.live({ rate, maxBytes: 6 });
    box.addAll(['aa', 'bb', 'cc', 'dd']);
    expect([box.outbox.bytes, box.tryAdd('ee')]).toEqual([6, 'QUEUE_FULL']);
    box.clock.advance(100);
    expect([box.outbox.bytes, box.tryAdd('ee')]).toEqual([0, 'added']);
  });

  it('does not wait for what expires meanwhile', () => {
    const [box, wire] = OutboxFixture.live({ rate });
    box.addAll(['a', 'b']);
    box.add('c', 1, { expiresInMs: 50 });
    box.add('d');
    box.clock.advance(100);
    expect(wire.payloads).toEqual(['a', 'b', 'd']);
    expect(box.told).toEqual(['failed c MESSAGE_EXPIRED']);
  });

  it('keeps a release for when the rate lets it go', () => {
    const box = new OutboxFixture({ rate });
    box.addAll(names(4));
    const wire = box.attach();
    box.outbox.setFlow('paced');
    box.outbox.release(3);
    expect([wire.payloads.length, box.outbox.backlog]).toEqual([2, 1]);
    box.clock.advance(1_000);
    expect([wire.payloads.length, box.outbox.backlog]).toEqual([3, 1]);
  });

  it('leaves no timer when its line ends, although something waits for it', () => {
    const [box] = OutboxFixture.live({ rate });
    box.addAll(names(4));
    expect(box.clock.pending).toBe(1);
    box.outbox.detach();
    expect(box.clock.pending).toBe(0);
    expect(box.request('no line')).toBe(false);
    box.requestLater('later');
    expect(box.clock.pending).toBe(0);
  });

  it('leaves no timer when it is closed', () => {
    const [box] = OutboxFixture.live({ rate });
    box.addAll(names(4));
    box.outbox.close(closed);
    expect(box.clock.pending).toBe(0);
  });

  it('has no timer while the window, the flow or the line hold everything', () => {
    const [box, wire] = OutboxFixture.live({ rate, window: 1 });
    box.addAll(names(4));
    expect(box.clock.pending).toBe(0);
    box.outbox.setFlow('closed');
    wire.answer('m0');
    expect(box.clock.pending).toBe(0);
  });
});
