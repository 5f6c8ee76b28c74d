import type { Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { KeepAlive, type SentForAnswer } from '../../src/adapters/keep-alive.ts';
import type { IotError } from '../../src/protocol/errors.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { turn, turns } from './live-line.ts';
import { openTestLine, type TestOptions } from './test-line.ts';

/** A line that only counts: 30 s keep-alive, 5 s for a ping, 5 s for a PUBACK. */
class FakeLine {
  readonly clock = new SimulatedClock(1_000);
  bytes = 0;
  oldest: SentForAnswer | undefined;
  underWayBytes = 0;
  waitingBytes = 0;
  takenBytes = 0;
  readonly pings: number[] = [];
  readonly deaths: IotError[] = [];
  readonly keepAlive: KeepAlive;

  constructor(keepAliveSeconds = 30) {
    const options = { clock: this.clock, keepAliveSeconds, pingTimeoutMs: 5_000, operationTimeoutMs: 5_000 };
    this.keepAlive = new KeepAlive(options, {
      progress: () => this.bytes,
      sendPing: () => this.pings.push(this.clock.now() - 1_000),
      oldestUnacknowledged: () => this.oldest,
      bytesUnderWay: () => this.underWayBytes,
      waitingBytes: () => this.waitingBytes,
      takenBytes: () => this.takenBytes,
      giveUp: (error) => {
        this.deaths.push(error);
        this.keepAlive.stop();
      },
    });
  }

  /** Sends a publish; the one before it has its PUBACK. */
  publish(): void {
    this.oldest = { sentAt: this.keepAlive.sentForAnswer() };
  }
}

describe('pings', () => {
  test('after keepAliveSeconds without an outbound packet', () => {
    const line = new FakeLine();
    line.clock.advance(29_999);
    expect(line.pings).toEqual([]);
    line.clock.advance(1);
    expect(line.pings).toEqual([30_000]);
  });

  test('an outbound packet postpones the ping to keepAliveSeconds after it, on a line that lives', () => {
    const line = new FakeLine();
    line.clock.advance(12_000);
    line.keepAlive.sent();
    line.bytes += 1;
    line.clock.advance(29_999);
    expect(line.pings).toEqual([]);
    line.clock.advance(1);
    expect(line.pings).toEqual([42_000]);
  });

  test('fault:A-13 when nothing comes for keepAliveSeconds, however much of QoS 0 is sent: then the line is dead', async () => {
    const line = new FakeLine();
    line.bytes += 1;
    for (let second = 0; second < 65; second++) {
      line.keepAlive.sent();
      line.clock.advance(1_000);
    }
    await turns();
    // Bytes are only looked for once in a keep-alive: silence is known after two at most.
    expect(line.pings).toEqual([60_000]);
    expect(line.deaths).toMatchObject([{ code: 'PING_TIMEOUT' }]);
  });

  test('fault:A-14 what is received does not postpone it', () => {
    const line = new FakeLine();
    for (let second = 0; second < 30; second++) {
      line.bytes += 1_000;
      line.clock.advance(1_000);
    }
    expect(line.pings).toEqual([30_000]);
  });

  test('come again and again on an idle line that answers', async () => {
    const line = new FakeLine();
    for (let second = 0; second < 95; second++) {
      line.clock.advance(1_000);
      line.bytes += line.pings.length;
      await turns();
    }
    expect(line.pings).toEqual([30_000, 60_000, 90_000]);
    expect(line.deaths).toEqual([]);
    line.keepAlive.stop();
  });

  test('keepAliveSeconds 0 switches them off', () => {
    expect(new FakeLine(0).clock.pending).toBe(0);
  });

  test('outbound packets cost no timer', () => {
    const line = new FakeLine();
    for (let i = 0; i < 1_000; i++) line.keepAlive.sentForAnswer();
    expect(line.clock.pending).toBe(2);
    line.keepAlive.stop();
    expect(line.clock.pending).toBe(0);
  });
});

describe('the verdict', () => {
  test('fault:A-13 no byte within pingTimeoutMs after the ping: the line is dead', async () => {
    const line = new FakeLine();
    line.clock.advance(34_999);
    await turns();
    expect(line.deaths).toEqual([]);
    line.clock.advance(1);
    await turns();
    expect(line.deaths).toMatchObject([{ code: 'PING_TIMEOUT', recovery: 'retry' }]);
    expect(line.clock.pending).toBe(0);
  });

  test('fault:A-15 any byte is life, also without a PINGRESP', async () => {
    const line = new FakeLine();
    line.clock.advance(31_000);
    line.bytes += 1;
    line.clock.advance(4_000);
    await turns();
    expect(line.deaths).toEqual([]);
    line.keepAlive.stop();
  });

  test('bytes from before the ping are no life', async () => {
    const line = new FakeLine();
    line.bytes = 500;
    line.clock.advance(35_000);
    await turns();
    expect(line.deaths).toHaveLength(1);
  });

  test('fault:E-8 after a blocked event loop, bytes that were here already are read before it', async () => {
    const line = new FakeLine();
    line.clock.advance(30_000);
    line.clock.advance(12_000);
    setImmediate(() => {
      line.bytes += 2;
    });
    await turns();
    expect(line.deaths).toEqual([]);
    line.keepAlive.stop();
  });

  test('fault:E-7 after a sleep of more than 1.5 keep-alives the line is dead at once, without a ping', async () => {
    const line = new FakeLine();
    // A timer of 30 s that fires after 8 hours.
    line.clock.now = () => 1_000 + 28_800_000;
    line.clock.advance(30_000);
    await turns();
    expect(line.pings).toEqual([]);
    expect(line.deaths).toMatchObject([{ code: 'PING_TIMEOUT' }]);
  });

  test('fault:E-7 unless bytes come: then a ping decides', async () => {
    const line = new FakeLine();
    line.clock.now = () => 1_000 + 28_800_000;
    line.clock.advance(30_000);
    setImmediate(() => {
      line.bytes += 2;
    });
    await turns();
    expect(line.pings).toHaveLength(1);
    expect(line.deaths).toEqual([]);
    line.keepAlive.stop();
  });

  test('is not given after stop', async () => {
    const line = new FakeLine();
    line.clock.advance(35_000);
    line.keepAlive.stop();
    await turns();
    expect(line.deaths).toEqual([]);
  });
});

describe('a missing PUBACK', () => {
  test('for operationTimeoutMs makes the line suspect: a ping at once, then the verdict', async () => {
    const line = new FakeLine();
    line.clock.advance(2_000);
    line.publish();
    line.clock.advance(4_999);
    expect(line.pings).toEqual([]);
    line.clock.advance(1);
    expect(line.pings).toEqual([7_000]);
    line.clock.advance(5_000);
    await turns();
    expect(line.deaths).toHaveLength(1);
  });

  test('is measured from the oldest one that is still missing', () => {
    const line = new FakeLine();
    line.publish();
    line.clock.advance(4_000);
    line.publish();
    line.clock.advance(4_999);
    expect(line.pings).toEqual([]);
    line.clock.advance(1);
    expect(line.pings).toEqual([9_000]);
    line.keepAlive.stop();
  });

  test('nothing missing: the timer ends, and the next publish starts it again', () => {
    const line = new FakeLine();
    line.publish();
    line.oldest = undefined;
    line.clock.advance(5_000);
    expect(line.clock.pending).toBe(1);
    line.publish();
    line.clock.advance(5_000);
    expect(line.pings).toEqual([10_000]);
    line.keepAlive.stop();
  });

  /** Lets seconds pass on a line whose every ping is answered. */
  async function live(line: FakeLine, seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      line.clock.advance(1_000);
      line.bytes += 1;
      await turns();
    }
  }

  test('on a line that answers pings ends the line after six times as long, so that it is sent again', async () => {
    const line = new FakeLine();
    line.publish();
    await live(line, 29);
    expect(line.deaths).toEqual([]);
    expect(line.pings).toEqual([5_000, 15_000, 25_000]);
    await live(line, 1);
    expect(line.deaths).toMatchObject([{ code: 'OPERATION_TIMEOUT', recovery: 'retry' }]);
    expect(line.clock.pending).toBe(0);
  });

  test('ends the line to the millisecond, also when another was the oldest before', async () => {
    const line = new FakeLine();
    line.publish();
    await live(line, 7);
    line.publish();
    await live(line, 29);
    line.clock.advance(999);
    await turns();
    expect(line.deaths).toEqual([]);
    line.clock.advance(1);
    await turns();
    expect(line.deaths).toMatchObject([{ code: 'OPERATION_TIMEOUT' }]);
  });

  test('does not end a slow line on which the PUBACKs of what was written together come one by one', async () => {
    const line = new FakeLine();
    line.publish();
    const { sentAt } = line.oldest ?? { sentAt: 0 };
    for (let publish = 0; publish < 10; publish++) {
      await live(line, 24);
      line.oldest = { sentAt };
    }
    expect(line.deaths).toEqual([]);
    await live(line, 31);
    expect(line.deaths).toMatchObject([{ code: 'OPERATION_TIMEOUT' }]);
  });

  test('does not end a line whose PUBACKs are slow but come', async () => {
    const line = new FakeLine();
    for (let publish = 0; publish < 10; publish++) {
      line.publish();
      await live(line, 29);
    }
    expect(line.deaths).toEqual([]);
    line.keepAlive.stop();
  });

  test.each([
    ['none is missing any more', () => undefined],
    ['only another is missing', () => ({ sentAt: 1_000 })],
  ])('fault:E-8 is looked for again after the reads: %s, and the line lives', async (_, oldest) => {
    const line = new FakeLine();
    line.publish();
    await live(line, 29);
    line.clock.advance(1_000);
    setImmediate(() => {
      line.bytes += 4;
      line.oldest = oldest();
    });
    await turns();
    expect(line.deaths).toEqual([]);
    line.keepAlive.stop();
  });

  test('fault:E-8 is not the fault of a line whose process was blocked: the publish may be unsent', async () => {
    const line = new FakeLine();
    line.publish();
    const woken = line.clock.now() + 40_000;
    line.clock.now = () => woken;
    line.clock.advance(5_000);
    await turns();
    expect(line.pings).toHaveLength(1);
    expect(line.deaths).toEqual([]);
    line.clock.now = () => woken + 5_000;
    line.bytes += 2;
    line.clock.advance(5_000);
    await turns();
    expect(line.deaths).toMatchObject([{ code: 'OPERATION_TIMEOUT' }]);
  });
});

describe('fault:A-15 a slow uplink', () => {
  /** Lets seconds pass in which nothing comes. */
  async function silent(line: FakeLine, ms: number): Promise<void> {
    line.clock.advance(ms);
    await turns();
  }

  /** Publishes, and expects the line to be given up after just so many seconds, in each of which a byte comes. */
  async function expectMissed(line: FakeLine, seconds: number): Promise<void> {
    line.publish();
    for (let second = 1; second <= seconds; second++) {
      expect(line.deaths).toEqual([]);
      line.bytes += 1;
      await silent(line, 1_000);
    }
    expect(line.deaths).toMatchObject([{ code: 'OPERATION_TIMEOUT' }]);
  }

  test.each([
    [999, 30, 0],
    [1_000, 30, 1_000],
    [40_500, 30, 40_000],
    // The broker has dropped the line by then.
    [140_000, 30, 45_000],
    [140_000, 5, 7_500],
    [60_500, 1_200, 60_000],
    // The largest payload of AWS, whatever the keep-alive.
    [10_000_000, 1_200, 131_000],
  ])(
    'with %i bytes under way and a keep-alive of %i s, a ping has %i ms more',
    async (bytes, seconds, moreMs) => {
      const line = new FakeLine(seconds);
      line.underWayBytes = bytes;
      line.clock.advance(seconds * 1_000);
      expect(line.pings).toEqual([seconds * 1_000]);
      await silent(line, 5_000 + moreMs - 1);
      expect(line.deaths).toEqual([]);
      await silent(line, 1);
      expect(line.deaths).toMatchObject([{ code: 'PING_TIMEOUT' }]);
      expect(line.deaths[0]?.message).toContain(`${5_000 + moreMs} ms`);
    },
  );

  test('a ping that a missing PUBACK made has the same time', async () => {
    const line = new FakeLine(0);
    line.underWayBytes = 20_000;
    line.publish();
    line.clock.advance(5_000);
    expect(line.pings).toEqual([5_000]);
    await silent(line, 24_999);
    expect(line.deaths).toEqual([]);
    await silent(line, 1);
    expect(line.deaths).toMatchObject([{ code: 'PING_TIMEOUT' }]);
  });

  test('what is under way when the ping goes out counts, not what comes behind it', async () => {
    const line = new FakeLine(30);
    line.clock.advance(30_000);
    line.underWayBytes = 100_000;
    await silent(line, 5_000);
    expect(line.deaths).toHaveLength(1);
  });

  test('a missing PUBACK is waited for longer by the same time, while pings are answered', async () => {
    const line = new FakeLine(0);
    line.underWayBytes = 20_000;
    await expectMissed(line, 30 + 20);
  });

  test('a ping that is answered long before its verdict is followed by the next: the broker counts too', async () => {
    const line = new FakeLine(30);
    line.underWayBytes = 140_000;
    await silent(line, 30_000);
    line.bytes += 1;
    line.underWayBytes = 0;
    for (let second = 0; second < 60; second++) {
      await silent(line, 1_000);
      line.bytes += line.pings.length - 1;
    }
    expect(line.pings).toEqual([30_000, 60_000, 90_000]);
    expect(line.deaths).toEqual([]);
    line.keepAlive.stop();
  });

  test('a ping that is answered late is followed by the next at its verdict, and the silence is taken for no sleep', async () => {
    const line = new FakeLine(30);
    line.underWayBytes = 140_000;
    await silent(line, 30_000);
    await silent(line, 40_000);
    line.bytes += 1;
    line.underWayBytes = 0;
    await silent(line, 10_000);
    expect(line.pings).toEqual([30_000, 80_000]);
    line.bytes += 1;
    await silent(line, 15_000);
    expect(line.deaths).toEqual([]);
    line.keepAlive.stop();
  });

  test('a missing PUBACK is waited for longer by one and a half keep-alives at most', async () => {
    const line = new FakeLine(20);
    line.underWayBytes = 140_000;
    await expectMissed(line, 30 + 30);
  });

  test('a socket that was full at the ping, and has taken more since, is alive', async () => {
    const line = new FakeLine(30);
    line.waitingBytes = 1;
    for (const pings of [1, 2, 3]) {
      await silent(line, pings === 1 ? 30_000 : 25_000);
      expect(line.pings).toHaveLength(pings);
      line.takenBytes += 1;
      await silent(line, 5_000);
    }
    expect(line.deaths).toEqual([]);
    await silent(line, 25_000);
    await silent(line, 5_000);
    expect(line.deaths).toMatchObject([{ code: 'PING_TIMEOUT' }]);
  });

  test.each([
    ['had room at the ping', 0, 1],
    ['was full at the ping, and takes nothing', 1, 0],
    ['was full at the ping, and has been given more since', 1, -1_000],
  ])('a socket that %s is no life: it takes bytes for a dead line too', async (_, waitingBytes, taken) => {
    const line = new FakeLine(30);
    line.waitingBytes = waitingBytes;
    await silent(line, 30_000);
    line.waitingBytes = 1_000;
    line.takenBytes += taken;
    await silent(line, 5_000);
    expect(line.deaths).toMatchObject([{ code: 'PING_TIMEOUT' }]);
  });
});

describe('on a real socket', () => {
  async function connected(peer: ScriptedBroker, options: Partial<TestOptions> = {}) {
    const clock = new SimulatedClock();
    const line = openTestLine({ port: peer.port, clock, ...options });
    const there = await peer.connection();
    const connect = await there.accept();
    await line.until('transport.connected');
    return { line, there, clock, connect };
  }

  test('mqttjs:B19 CONNECT carries the keep-alive, and this side pings by its own clock', async () => {
    const intervals = vi.spyOn(globalThis, 'setInterval');
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there, clock, connect } = await connected(peer);
    expect(connect.keepalive).toBe(30);
    expect(intervals).not.toHaveBeenCalled();
    clock.advance(30_000);
    await there.next('pingreq');
    there.send({ cmd: 'pingresp' });
    // Not read yet when the timer fires.
    clock.advance(5_000);
    await turns();
    expect(line.facts.at(-1)?.type).toBe('transport.connected');
    clock.advance(25_000);
    await there.next('pingreq');
    clock.advance(5_000);
    expect(await line.error('transport.closed')).toMatchObject({ code: 'PING_TIMEOUT' });
    expect(clock.pending).toBe(0);
    await there.closed;
  });

  test('fault:A-15 a part of a packet is life', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there, clock } = await connected(peer);
    clock.advance(30_000);
    await there.next('pingreq');
    there.raw(Uint8Array.of(0x30, 100, 0));
    clock.advance(5_000);
    await turns();
    expect(line.facts.at(-1)?.type).toBe('transport.connected');
    line.free();
  });

  test('fault:A-14 messages do not postpone the ping, nor do their PUBACKs', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there, clock } = await connected(peer);
    clock.advance(20_000);
    there.send({ cmd: 'publish', topic: 'a', payload: '', qos: 1, retain: false, dup: false, messageId: 1 });
    await there.next('puback');
    clock.advance(10_000);
    await there.next('pingreq');
    line.free();
  });

  test('what the wire sends does, while something is received', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there, clock } = await connected(peer);
    const sends = [
      () => line.live.publish({ topic: 'a', payload: '', qos: 0, retain: false }, () => {}),
      () => void line.live.subscribe([{ filter: 'a', qos: 0 }]).catch(() => {}),
      () => void line.live.unsubscribe(['a']).catch(() => {}),
    ];
    for (const [index, send] of sends.entries()) {
      clock.advance(29_000);
      send();
      there.send({ cmd: 'publish', topic: 'a', payload: '', qos: 0, dup: false, retain: false });
      await line.message(index);
    }
    clock.advance(29_999);
    await turns();
    expect(there.count('pingreq')).toBe(0);
    clock.advance(1);
    await there.next('pingreq');
    line.free();
  });

  test('a publish without PUBACK makes it ping after operationTimeoutMs', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there, clock } = await connected(peer, { operationTimeoutMs: 3_000 });
    line.live.publish({ topic: 'a', payload: '', qos: 1, retain: false }, () => {});
    await there.next('publish');
    clock.advance(3_000);
    await there.next('pingreq');
    clock.advance(5_000);
    expect(await line.error('transport.closed')).toMatchObject({ code: 'PING_TIMEOUT' });
  });

  test('fault:A-15 what has its PUBACK is not under way any more', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there, clock } = await connected(peer, { keepAliveSeconds: 20 });
    const publish = () =>
      line.live.publish({ topic: 'a', payload: Buffer.alloc(20_000), qos: 1, retain: false }, () => {});
    publish();
    publish();
    for (let i = 0; i < 2; i++) {
      const { messageId } = await there.next('publish');
      there.send({ cmd: 'puback', messageId: messageId as number });
    }
    there.send({ cmd: 'publish', topic: 'a', payload: '', qos: 0, dup: false, retain: false });
    await line.message(0);
    publish();
    // Suspect after 5 s; the ping has its 5 s, and 20 s for the one publish that is under way.
    clock.advance(5_000);
    await there.next('pingreq');
    clock.advance(24_999);
    await turns();
    expect(line.facts.at(-1)?.type).toBe('transport.connected');
    clock.advance(1);
    expect(await line.error('transport.closed')).toMatchObject({ code: 'PING_TIMEOUT' });
  });

  test('fault:A-15 44 KiB on an uplink of 1,000 bytes a second are no death, though nothing comes for 45 s', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there, clock } = await connected(peer);
    there.stream.pause();
    let acknowledged = 0;
    line.live.publish(
      { topic: 'a', payload: Buffer.alloc(45_000), qos: 1, retain: false },
      () => acknowledged++,
    );
    for (let second = 0; second < 49; second++) {
      clock.advance(1_000);
      await turns();
    }
    expect(line.facts.at(-1)?.type).toBe('transport.connected');
    there.stream.resume();
    const { messageId } = await there.next('publish');
    there.send({ cmd: 'puback', messageId: messageId as number });
    while (acknowledged === 0) await turn();
    line.free();
  });

  test.each([0, 1] as const)(
    'fault:A-17 writes of QoS %i that stall: the line is dead after keep-alive, ping and broker patience',
    async (qos) => {
      await using peer = await ScriptedBroker.start({ automatic: false });
      const { line, there, clock } = await connected(peer);
      there.stream.pause();
      for (let i = 0; i < 20; i++)
        line.live.publish({ topic: 'a', payload: Buffer.alloc(1_000_000), qos, retain: false }, () => {});
      for (let second = 0; second < 100 && line.ended === undefined; second++) {
        clock.advance(1_000);
        await turns();
      }
      expect(line.ended).toMatchObject({ how: 'givenUp', error: { code: 'PING_TIMEOUT' } });
      // QoS 1: suspect at 5 s. Then the ping has its 5 s, and what is under way has as long as the broker would wait.
      expect(clock.now()).toBe(qos === 0 ? 80_000 : 55_000);
      there.stream.resume();
      await there.closed;
    },
  );

  test('a dead line with 140 kB in flight is found before the broker would have dropped it twice', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there, clock } = await connected(peer);
    there.stream.pause();
    for (let i = 0; i < 100; i++)
      line.live.publish({ topic: 'a', payload: Buffer.alloc(1_400), qos: 1, retain: false }, () => {});
    for (let second = 0; second < 55 && line.ended === undefined; second++) {
      clock.advance(1_000);
      await turns();
    }
    expect(line.ended).toMatchObject({ error: { code: 'PING_TIMEOUT' } });
    expect(clock.now()).toBe(55_000);
  });

  /** Publishes QoS 0 as fast as the socket takes it, to a broker that reads so many bytes a second and says nothing. */
  async function saturated(peer: ScriptedBroker, bytesPerSecond: number, seconds: number) {
    const { line, there, clock } = await connected(peer);
    const socket = there.stream as Socket;
    const isOpen = (): boolean => line.ended === undefined;
    socket.pause();
    const publish = (): void => {
      // As much as the outbox lets wait for the socket.
      for (let i = 0; i < 16; i++)
        line.live.publish(
          { topic: 'a', payload: Buffer.alloc(64_000), qos: 0, retain: false },
          i === 0 ? publish : () => {},
        );
    };
    publish();
    await turns();
    const before = socket.bytesRead;
    for (let second = 1; second <= seconds && isOpen(); second++) {
      clock.advance(1_000);
      while (socket.bytesRead < before + second * bytesPerSecond && isOpen()) {
        socket.resume();
        await turn();
        socket.pause();
      }
      await turns();
    }
    return { line, there };
  }

  test.each([250_000, 150_000])(
    'fault:A-15 an uplink of %i bytes a second that is full of QoS 0 is no death, though PINGRESP cannot come',
    async (rate) => {
      await using peer = await ScriptedBroker.start({ automatic: false });
      const { line, there } = await saturated(peer, rate, 200);
      expect(line.ended).toBeUndefined();
      line.free();
      there.stream.resume();
      await there.closed;
    },
  );

  test('fault:A-14 a link that only carries what they send: messages come, and no PUBACK: the line is given up', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, there, clock } = await connected(peer);
    line.live.publish({ topic: 'a', payload: 'x', qos: 1, retain: false }, () => {});
    for (let second = 0; second < 31 && line.ended === undefined; second++) {
      there.send({ cmd: 'publish', topic: 'a', payload: '', qos: 0, dup: false, retain: false });
      await line.message(second);
      clock.advance(1_000);
      await turns();
    }
    expect(line.ended).toMatchObject({ how: 'givenUp', error: { code: 'OPERATION_TIMEOUT' } });
  });

  test('after disconnect no timer is left', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { line, clock } = await connected(peer);
    line.disconnect();
    expect(clock.pending).toBe(0);
    await line.until('transport.closed');
  });
});
