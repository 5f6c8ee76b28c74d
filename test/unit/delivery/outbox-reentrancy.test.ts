import { describe, expect, it, vi } from 'vitest';
import { Outbox } from '../../../src/delivery/outbox.ts';
import { IotError } from '../../../src/protocol/errors.ts';
import { SimulatedClock } from '../../../src/testing/simulated-clock.ts';
import { names, OutboxFixture } from '../../support/outbox-fixture.ts';

const aborted = new IotError('TIMEOUT', 'too late');
const closed = new IotError('CLOSED', 'closed');

describe('commands from inside of calls', () => {
  it('fault:G-4 survives 10,000 publishes of which each is made by the delivery of the one before', () => {
    const [box, wire] = OutboxFixture.live({}, { answersAtOnce: 'all' });
    const publish = (left: number) => {
      box.add(`m${left}`, 1, {}, left === 0 ? {} : { delivered: () => publish(left - 1) });
    };
    publish(10_000);
    expect(wire.packets.length).toBe(10_001);
    expect(box.told.length).toBe(10_001);
  });

  it('fault:G-4 survives 10,000 evictions of which each publishes again', () => {
    const box = new OutboxFixture({ maxMessages: 1, overflow: 'dropOldest' });
    const publish = (left: number) => {
      box.add(`m${left}`, 1, {}, left === 0 ? {} : { failed: () => publish(left - 1) });
    };
    publish(5_000);
    publish(5_000);
    expect(box.counts.waiting).toBe(1);
    expect(box.told.filter((line) => line.startsWith('failed')).length).toBe(10_001);
  });

  it('survives 10,000 waiting messages that are all answered within their write', () => {
    const box = new OutboxFixture({ window: 1 });
    box.addAll(names(10_000));
    box.outbox.setFlow('free');
    expect(box.attach({ answersAtOnce: 'all' }).payloads).toEqual(names(10_000));
  });

  it('calls nobody from inside of a write, and nobody from inside of another call', () => {
    const open: string[] = [];
    const seen: string[] = [];
    const inside = (what: string, then: () => void) => () => {
      open.push(what);
      seen.push(open.join(' > '));
      then();
      open.pop();
    };
    const [box] = OutboxFixture.live({}, { onPublish: (packet) => inside('write', packet.done)() });
    const addB = () => box.add('b', 1, {}, { delivered: inside('b delivered', () => {}) });
    box.add('a', 1, {}, { delivered: inside('a delivered', addB) });
    expect(seen).toEqual(['write', 'a delivered', 'a delivered > write', 'b delivered']);
  });

  it('keeps the order when a message is published while another one is written', () => {
    const box = new OutboxFixture();
    box.addAll(['a', 'c']);
    box.outbox.setFlow('free');
    const wire = box.attach({
      onPublish: ({ message }) => {
        if (message.payload === 'a') box.add('d', 0);
      },
    });
    expect(wire.payloads).toEqual(['a', 'c', 'd']);
  });

  it('counts a message that is published while another one is written, and then has to wait', () => {
    const [box] = OutboxFixture.live(
      {},
      {
        onPublish: () => {
          box.add('dd');
          box.outbox.detach();
        },
      },
    );
    box.add('a');
    expect(box.counts).toEqual({ inFlight: 0, toResend: 1, waiting: 1 });
    expect(box.outbox.bytes).toBe(3);
    expect(box.told).toEqual(['queued a', 'queued dd']);
  });

  it('writes on at once at a PUBACK, before it tells of it', () => {
    const [box, wire] = OutboxFixture.live({ window: 1 });
    let seen: string[] = [];
    box.add('a', 1, {}, { delivered: () => (seen = wire.payloads) });
    box.add('b');
    wire.answer('a');
    expect(seen).toEqual(['a', 'b']);
  });

  it('lets a wire end inside of its write: the message is resent, and nothing follows it', () => {
    const box = new OutboxFixture();
    box.addAll(['a', 'b']);
    box.outbox.setFlow('free');
    const first = box.attach({ onPublish: () => box.outbox.detach() });
    expect(first.payloads).toEqual(['a']);
    expect(box.counts).toEqual({ inFlight: 0, toResend: 1, waiting: 1 });
    expect(box.attach().payloads).toEqual(['a', 'b']);
  });

  it('lets an observer attach the next wire when it hears of the end of the first', () => {
    const [box] = OutboxFixture.live({ window: 2 });
    const wires: ReturnType<typeof box.attach>[] = [];
    box.add('a', 1, {}, { queued: () => wires.push(box.attach()) });
    box.addAll(['b', 'c']);
    const second = box.attach();
    expect(second.payloads).toEqual(['a', 'b']);
    expect(wires[0]?.payloads).toEqual(['a', 'b']);
    wires[0]?.answer('a');
    wires[0]?.answer('b');
    expect(wires[0]?.payloads).toEqual(['a', 'b', 'c']);
  });

  it('lets an observer end another entry, or close, from inside of its call', () => {
    const [box, wire] = OutboxFixture.live();
    const b = box.add('b');
    box.add('a', 1, {}, { delivered: () => box.outbox.end(b, aborted) });
    box.add('c', 1, {}, { delivered: () => box.outbox.close(closed) });
    box.add('d');
    wire.answer('a');
    wire.answer('c');
    wire.answer('b');
    expect(box.told).toEqual(['delivered a', 'failed b TIMEOUT', 'delivered c', 'failed d CLOSED']);
  });

  it('lets a message be published when all was flushed, and another one wait for that', () => {
    const [box, wire] = OutboxFixture.live();
    box.add('a');
    box.outbox.onFlushed(() => box.add('b'));
    box.outbox.onFlushed(() => box.told.push('flushed'));
    wire.answer('a');
    expect(box.takeTold()).toEqual(['delivered a']);
    wire.answer('b');
    expect(box.told).toEqual(['delivered b', 'flushed']);
  });
});

describe('what others throw', () => {
  it('fault:G-1 reports what an observer threw once, in its own task, and delivers on', async () => {
    const [box, wire] = OutboxFixture.live();
    const error = new Error('observer');
    const throws = () => {
      throw error;
    };
    box.add('a', 1, {}, { delivered: throws });
    box.add('b');
    wire.answer('a');
    wire.answer('b');
    expect(box.told).toEqual(['delivered a', 'delivered b']);
    expect(box.reported).toEqual([]);
    await Promise.resolve();
    expect(box.reported).toEqual([error]);
  });

  it('fault:G-1 contains each call: queued, failed, and the one for a flush', async () => {
    const box = new OutboxFixture();
    const throws = () => {
      throw aborted;
    };
    box.outbox.onFlushed(throws);
    const entry = box.add('a', 1, {}, { queued: throws, failed: throws });
    box.outbox.end(entry, aborted);
    box.add('b');
    await Promise.resolve();
    expect(box.reported.length).toBe(3);
    expect(box.told).toEqual(['queued a', 'failed a TIMEOUT', 'queued b']);
  });

  it('throws in a microtask when nobody asked for reports', () => {
    const queued: (() => void)[] = [];
    vi.stubGlobal('queueMicrotask', (task: () => void) => queued.push(task));
    const outbox = new Outbox({
      clock: new SimulatedClock(),
      enabled: true,
      maxMessages: 1,
      maxBytes: 10,
      overflow: 'dropNewest',
    });
    outbox.onFlushed(() => {
      throw aborted;
    });
    vi.unstubAllGlobals();
    expect(queued.length).toBe(1);
    expect(queued[0]).toThrow(aborted);
  });

  it('writes nothing more to a wire that threw, and resends in order on the next', async () => {
    const box = new OutboxFixture();
    box.addAll(['a', 'b']);
    box.outbox.setFlow('free');
    const error = new Error('wire');
    const onPublish = () => {
      throw error;
    };
    const wire = box.attach({ onPublish });
    box.add('c', 0);
    expect(wire.payloads).toEqual(['a']);
    expect(box.counts).toEqual({ inFlight: 1, toResend: 0, waiting: 2 });
    box.outbox.detach();
    expect(box.attach().payloads).toEqual(['a', 'b', 'c']);
    await Promise.resolve();
    expect(box.reported).toEqual([error]);
  });

  it('fails QoS 0 when the wire threw: it is neither delivered nor safe to send again', () => {
    const error = new Error('wire');
    const onPublish = () => {
      throw error;
    };
    const [box] = OutboxFixture.live({}, { onPublish });
    box.add('a', 0);
    expect(box.failures.get('a')).toMatchObject({
      code: 'CONNECTION_LOST',
      outcomeUnknown: true,
      cause: error,
    });
    box.outbox.detach();
    expect(box.attach().payloads).toEqual([]);
    expect(box.told.length).toBe(1);
  });

  it('believes the answer of a wire that answers and then throws', () => {
    const [box] = OutboxFixture.live(
      {},
      {
        onPublish: (packet) => {
          packet.done();
          throw new Error('wire');
        },
      },
    );
    box.add('a', 0);
    expect(box.told).toEqual(['delivered a']);
  });
});
