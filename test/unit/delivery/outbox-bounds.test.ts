import { describe, expect, it } from 'vitest';
import type { OutboxOptions } from '../../../src/delivery/outbox-options.ts';
import { IotError } from '../../../src/protocol/errors.ts';
import { names, OutboxFixture } from '../../support/outbox-fixture.ts';

const timeout = new IotError('TIMEOUT', 'too late');

/** The names that wait, found by letting them go. */
function drained(box: OutboxFixture): string[] {
  const wire = box.attach({ answersAtOnce: 'all' });
  box.outbox.setFlow('free');
  return wire.payloads;
}

describe('the bounds of what waits', () => {
  it('py:Q3 keeps five of twenty in their order', () => {
    const box = new OutboxFixture({ maxMessages: 20 });
    box.addAll(names(5));
    expect(drained(box)).toEqual(names(5));
  });

  it('py:Q4 dropNewest refuses the newest and keeps the oldest', () => {
    const box = new OutboxFixture({ maxMessages: 3, overflow: 'dropNewest' });
    const results = names(10).map((name) => box.tryAdd(name));
    expect(results.filter((result) => result === 'QUEUE_FULL').length).toBe(7);
    expect(box.failures.size).toBe(0);
    expect(drained(box)).toEqual(['m0', 'm1', 'm2']);
  });

  it('py:Q5 fault:F-1 dropOldest takes the newest and tells the one that it evicts', () => {
    const box = new OutboxFixture({ maxMessages: 3, overflow: 'dropOldest' });
    const results = names(10).map((name) => box.tryAdd(name));
    expect(results.every((result) => result === 'added')).toBe(true);
    expect([...box.failures.keys()]).toEqual(names(7));
    expect(box.failures.get('m0')).toMatchObject({ code: 'QUEUE_EVICTED', outcomeUnknown: false });
    expect(drained(box)).toEqual(['m7', 'm8', 'm9']);
  });

  it('py:Q6 keeps all when there is no bound', () => {
    const box = new OutboxFixture({ maxMessages: Number.POSITIVE_INFINITY });
    box.addAll(names(10_000));
    expect(box.counts.waiting).toBe(10_000);
  });

  it.each(['dropNewest', 'dropOldest'] as const)(
    'py:Q7 takes none when none may wait, with %s',
    (overflow) => {
      const box = new OutboxFixture({ maxMessages: 0, overflow });
      expect(names(10).map((name) => box.tryAdd(name))).toEqual(Array(10).fill('QUEUE_FULL'));
    },
  );

  it('py:Q7 py:Q16 py:Q24 refuses without a live line when queueing is off', () => {
    const box = new OutboxFixture({ enabled: false });
    expect(box.tryAdd('no line')).toBe('NOT_CONNECTED');
    box.attach();
    expect(box.tryAdd('flow is closed', 0)).toBe('NOT_CONNECTED');
    box.outbox.setFlow('paced');
    expect(box.tryAdd('paced')).toBe('NOT_CONNECTED');
    box.outbox.setFlow('free');
    expect(box.tryAdd('live')).toBe('added');
    expect(box.told).toEqual([]);
  });

  it('resends and keeps what was accepted on a live line, although queueing is off', () => {
    const [box] = OutboxFixture.live({ enabled: false, window: 1 });
    box.addAll(['a', 'b']);
    box.outbox.detach();
    box.outbox.setFlow('closed');
    expect(drained(box)).toEqual(['a', 'b']);
  });

  it.each([
    ['dropNewest', ['m3', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9', 'm10', 'm11', 'm12']],
    ['dropOldest', ['m8', 'm9', 'm10', 'm11', 'm12', 'm13', 'm14', 'm15', 'm16', 'm17']],
  ] as const)(
    'py:Q20 brings 3 live, 10 of 15 offline and 3 live ones to the broker with %s',
    (overflow, kept) => {
      const [box, first] = OutboxFixture.live({ maxMessages: 10, overflow });
      box.addAll(names(3), 0);
      box.outbox.detach();
      box.outbox.setFlow('closed');
      for (const name of names(18).slice(3)) box.tryAdd(name, 0);
      const second = box.attach();
      box.outbox.setFlow('paced');
      for (let beat = 0; beat < 10; beat++) box.outbox.release(1);
      box.outbox.setFlow('free');
      box.addAll(['x', 'y', 'z'], 0);
      expect([...first.payloads, ...second.payloads]).toEqual(['m0', 'm1', 'm2', ...kept, 'x', 'y', 'z']);
    },
  );

  it('counts the bytes of topic and payload in UTF-8', () => {
    const box = new OutboxFixture({ maxBytes: 16 });
    box.add('grün'); // 1 + 5
    expect(box.outbox.bytes).toBe(6);
    box.add('😀'); // 1 + 4
    expect(box.outbox.bytes).toBe(11);
    expect(box.tryAdd('12345')).toBe('QUEUE_FULL');
    expect(box.tryAdd('1234')).toBe('added');
    expect(box.outbox.bytes).toBe(16);
    const bytes = { topic: 't', payload: new Uint8Array(1), qos: 1, retain: false } as const;
    expect(() => box.outbox.add(bytes, { queued() {}, delivered() {}, failed() {} })).toThrow();
  });

  it('evicts as many as a large message needs, and none for one that can never fit', () => {
    const box = new OutboxFixture({ maxBytes: 12, overflow: 'dropOldest' });
    box.addAll(['aa', 'bb', 'cc', 'dd']);
    expect(box.tryAdd('x'.repeat(12))).toBe('QUEUE_FULL');
    expect([box.failures.size, box.counts.waiting]).toEqual([0, 4]);
    box.add('eeeee');
    expect([...box.failures.keys()]).toEqual(['aa', 'bb']);
    expect(drained(box)).toEqual(['cc', 'dd', 'eeeee']);
  });

  it('gives the bytes back when a message leaves, however it does', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    box.addAll(['on the wire', 'a', 'b']);
    const c = box.add('c');
    expect(box.outbox.bytes).toBe(6);
    wire.answer('on the wire');
    box.outbox.detach();
    box.outbox.attach(wire);
    expect(box.outbox.bytes).toBe(4);
    box.outbox.end(c, timeout);
    expect(box.outbox.bytes).toBe(2);
  });

  it('bounds only the bytes while the flow is free and the window holds messages back', () => {
    const [box] = OutboxFixture.live({ window: 1, maxMessages: 1, maxBytes: 20 });
    box.addAll(['a', 'bbb', 'ccc', 'ddd', 'eee']);
    expect(box.outbox.bytes).toBe(16);
    expect(box.tryAdd('ffff')).toBe('QUEUE_FULL');
    expect(box.tryAdd('fff')).toBe('added');
  });

  it('does not bind a message that needs not wait', () => {
    const [box, wire] = OutboxFixture.live({ maxMessages: 0, maxBytes: 1 });
    box.addAll(['large', 'larger']);
    expect(wire.payloads).toEqual(['large', 'larger']);
  });

  it('keeps more than maxMessages when the line breaks over them: they were accepted', () => {
    const [box] = OutboxFixture.live({ window: 1, maxMessages: 2 });
    box.addAll(names(6));
    box.outbox.detach();
    expect(box.counts).toEqual({ inFlight: 0, toResend: 1, waiting: 5 });
    expect(box.tryAdd('newcomer')).toBe('QUEUE_FULL');
    expect(drained(box)).toEqual(names(6));
  });
});

describe('QoS 0 that the socket has not taken', () => {
  /** A live outbox over a deaf socket: each message has 5 bytes, and 12 may be untaken. */
  const deaf = (options: Partial<OutboxOptions> = {}) =>
    OutboxFixture.live({ maxUntakenBytes: 12, ...options }, { answersAtOnce: 'none' });

  it('holds the next ones back, and lets one go for each that is taken', () => {
    const [box, wire] = deaf();
    box.addAll(['0000', '1111', '2222', '3333', '4444', '5555'], 0);
    expect(wire.payloads).toEqual(['0000', '1111', '2222']);
    expect([box.counts, box.outbox.bytes]).toEqual([{ inFlight: 3, toResend: 0, waiting: 3 }, 15]);
    wire.answer('0000');
    expect(wire.payloads.at(-1)).toBe('3333');
    wire.answer('1111');
    wire.answer('2222');
    wire.answer('3333');
    expect(wire.payloads).toEqual(['0000', '1111', '2222', '3333', '4444', '5555']);
    expect(box.told).toEqual(['delivered 0000', 'delivered 1111', 'delivered 2222', 'delivered 3333']);
    expect(box.outbox.bytes).toBe(0);
  });

  it('leaves what waits to maxBytes and overflow', () => {
    const [box, wire] = deaf({ maxBytes: 10, maxMessages: 1 });
    box.addAll(['0000', '1111', '2222', '3333', '4444'], 0);
    expect(box.tryAdd('5555', 0)).toBe('QUEUE_FULL');
    const [dropping, other] = deaf({ maxBytes: 10, overflow: 'dropOldest' });
    dropping.addAll(['0000', '1111', '2222', '3333', '4444', '5555'], 0);
    expect(dropping.told).toEqual(['failed 3333 QUEUE_EVICTED']);
    for (const script of [wire, other]) for (const packet of [...script.packets]) packet.done();
    expect(wire.payloads.slice(3)).toEqual(['3333', '4444']);
    expect(other.payloads.slice(3)).toEqual(['4444', '5555']);
  });

  it('is not overtaken by QoS 1, nor held back by it', () => {
    const [box, wire] = deaf();
    box.addAll(['0000', '1111', '2222', '3333'], 0);
    box.add('4444', 1);
    expect(wire.payloads).toEqual(['0000', '1111', '2222']);
    wire.answer('1111');
    expect(wire.payloads.slice(3)).toEqual(['3333', '4444']);
    wire.answer('0000');
    box.add('5555', 0);
    expect(wire.payloads.at(-1)).toBe('5555');
  });

  it('keeps its bytes when its caller ends it, until the socket takes it', () => {
    const [box, wire] = deaf();
    for (const entry of box.addAll(['0000', '1111', '2222'], 0)) box.outbox.end(entry, timeout);
    box.add('3333', 0);
    expect(wire.payloads).toHaveLength(3);
    wire.answer('0000');
    wire.answer('0000');
    expect(wire.payloads).toHaveLength(4);
    box.add('4444', 0);
    expect(wire.payloads).toHaveLength(4);
  });

  it('ends as delivered with its line, and what waits begins anew on the next', () => {
    const [box, wire] = deaf();
    box.addAll(['0000', '1111', '2222', '3333', '4444'], 0);
    box.outbox.detach();
    expect(box.told.filter((told) => told.startsWith('delivered'))).toEqual([
      'delivered 0000',
      'delivered 1111',
      'delivered 2222',
    ]);
    const next = box.attach({ answersAtOnce: 'none' });
    wire.answer('0000');
    box.add('5555', 0);
    box.add('6666', 0);
    expect(next.payloads).toEqual(['3333', '4444', '5555']);
  });

  it('bounds a drain that is not paced', () => {
    const box = new OutboxFixture();
    box.addAll(
      names(100).map((name) => name.padEnd(99_999)),
      0,
    );
    const wire = box.attach({ answersAtOnce: 'none' });
    box.outbox.setFlow('free');
    // 1 MiB, and the one that exceeds it.
    expect(wire.payloads).toHaveLength(11);
    for (let i = 0; i < 100; i++) wire.packets[i]?.done();
    expect(wire.payloads.map((payload) => payload.trim())).toEqual(names(100));
    expect(box.counts).toEqual({ inFlight: 0, toResend: 0, waiting: 0 });
  });
});

describe('the memory of the outbox', () => {
  it('stays empty over 100,000 publishes that are aborted while they wait', () => {
    const box = new OutboxFixture();
    const keeper = box.add('keeper');
    for (let i = 0; i < 100_000; i++) box.outbox.end(box.add('x', 1, { expiresInMs: 1_000 }), timeout);
    expect(box.counts).toEqual({ inFlight: 0, toResend: 0, waiting: 1 });
    expect([keeper.next, keeper.previous]).toEqual([undefined, undefined]);
    expect([box.outbox.bytes, box.clock.pending]).toEqual([7, 0]);
  });

  it('lets go of the others when a message has ended, although its sender holds on to it', () => {
    const box = new OutboxFixture();
    const [, b] = box.addAll(['a', 'b', 'c']);
    if (b !== undefined) box.outbox.end(b, timeout);
    expect([b?.previous, b?.next, b?.timer]).toEqual([undefined, undefined, undefined]);
  });

  it('stays empty over 10,000 publishes that are aborted on the wire', () => {
    const [box, wire] = OutboxFixture.live();
    for (let i = 0; i < 10_000; i++) {
      box.outbox.end(box.add('x'), timeout);
      wire.packets.pop()?.done();
    }
    expect(box.counts).toEqual({ inFlight: 0, toResend: 0, waiting: 0 });
  });

  it('fault:F-2 holds 1,000,000 messages, adds one more, and takes one out of the middle', () => {
    const box = new OutboxFixture({ maxMessages: 2_000_000, maxBytes: 1e12 });
    const observer = { queued() {}, delivered() {}, failed() {} };
    const message = { topic: 't', payload: 'x', qos: 1, retain: false } as const;
    const entries = Array.from({ length: 1_000_000 }, () => box.outbox.add(message, observer));
    box.add('one more');
    const middle = entries[500_000];
    if (middle !== undefined) box.outbox.end(middle, timeout);
    expect(box.counts.waiting).toBe(1_000_000);
    box.outbox.setFlow('free');
    box.attach();
    expect(box.counts).toEqual({ inFlight: 100, toResend: 0, waiting: 999_900 });
  });

  it('fault:F-2 keeps 1,000,000 messages in less than 1 KB each, and lets one go for each PUBACK, never more', () => {
    const box = new OutboxFixture({ maxMessages: 2_000_000, maxBytes: 1e12 });
    const observer = { queued() {}, delivered() {}, failed() {} };
    const before = process.memoryUsage().heapUsed;
    for (let number = 0; number < 1_000_000; number++)
      box.outbox.add({ topic: 't', payload: 'x', qos: 1, retain: false }, observer);
    expect((process.memoryUsage().heapUsed - before) / 1_000_000).toBeLessThan(1_000);
    box.outbox.setFlow('free');
    const wire = box.attach();
    expect(wire.packets).toHaveLength(100);
    for (let number = 0; number < 1_000; number++) {
      wire.packets[number]?.done();
      expect(wire.packets).toHaveLength(101 + number);
    }
  });
});
