import { Writable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MOST_SHARED_BYTES, PacketBuffer, SLAB_BYTES } from '../../src/adapters/packet-buffer.ts';
import { turn } from './live-line.ts';

/** A stream that takes what is written when it is told to. */
class Sink extends Writable {
  /** What the stream was given, as it was and as it is now: the same, or memory was overwritten too early. */
  readonly written: { readonly given: Buffer; readonly now: Buffer }[] = [];
  readonly #open: ((error?: Error) => void)[] = [];
  isOpen = true;

  constructor() {
    super({ highWaterMark: 16_384 });
    this.on('error', () => {});
  }

  override _write(chunk: Buffer, _: string, callback: (error?: Error) => void): void {
    this.written.push({ given: Buffer.from(chunk), now: chunk });
    if (this.isOpen) callback();
    else this.#open.push(callback);
  }

  /** Takes all, those that were refused and those to come. */
  take(): void {
    this.isOpen = true;
    this.answer();
  }

  answer(error?: Error): void {
    for (const callback of this.#open.splice(0)) callback(error);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.written.map(({ given }) => given));
  }

  get sizes(): number[] {
    return this.written.map(({ given }) => given.byteLength);
  }

  /** How many pieces of memory it was given parts of. */
  get memories(): number {
    return new Set(this.written.map(({ now }) => now.buffer)).size;
  }
}

function world() {
  const sink = new Sink();
  let flushes = 0;
  const packets = new PacketBuffer(sink, () => flushes++);
  return { sink, packets, flushes: () => flushes };
}

test('what one turn sends is one write at its end', async () => {
  const { sink, packets, flushes } = world();
  packets.appendBytes(Buffer.from('one '));
  packets.append({ byteLength: 4, writeTo: (memory, start) => memory.set(Buffer.from('two '), start) });
  packets.appendBytes(Buffer.from('three'));
  expect([sink.written.length, flushes()]).toEqual([0, 0]);
  await turn();
  expect([sink.bytes.toString(), sink.written.length, flushes()]).toEqual(['one two three', 1, 1]);
  await turn();
  expect(flushes()).toBe(1);
});

test('whatever its size and whenever the socket takes it, all goes out in order and nothing is overwritten', async () => {
  const size = fc.oneof(
    fc.nat(300),
    fc.integer({ min: 20_000, max: MOST_SHARED_BYTES + 1 }),
    fc.integer({ min: SLAB_BYTES - 1, max: SLAB_BYTES + 1 }),
  );
  const step = fc.oneof(
    { weight: 6, arbitrary: size },
    fc.constantFrom('turn', 'flush', 'stall', 'answer', 'take'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { sink, packets } = world();
      const sent: Buffer[] = [];
      for (const [index, next] of steps.entries()) {
        if (next === 'turn') await turn();
        else if (next === 'flush') packets.flush();
        else if (next === 'stall') sink.isOpen = false;
        else if (next === 'answer') sink.answer();
        else if (next === 'take') sink.take();
        else {
          const packet = Buffer.alloc(next, index);
          sent.push(packet);
          packets.appendBytes(packet);
        }
        // What the stream still holds must be as it was given.
        for (const { given, now } of sink.written.slice(-1))
          if (sink.writableLength > 0) expect(now.equals(given)).toBe(true);
        expect(packets.untakenBytes).toBe(packets.heldBytes + sink.writableLength);
      }
      sink.take();
      await turn();
      await turn();
      expect(sink.bytes.equals(Buffer.concat(sent))).toBe(true);
      expect([packets.untakenBytes, packets.takenBytes]).toEqual([0, sink.bytes.byteLength]);
    }),
  );
});

test('a slab that is full is written at once, and used again when the socket has taken it', async () => {
  const { sink, packets } = world();
  for (let i = 0; i < 300; i++) packets.appendBytes(Buffer.alloc(4_096, i));
  expect(sink.sizes).toEqual(new Array<number>(9).fill(SLAB_BYTES));
  await turn();
  expect(sink.bytes.byteLength).toBe(300 * 4_096);
  expect(sink.memories).toBe(1);
});

test('a packet beyond a quarter of a slab begins none: it has memory of its own', async () => {
  const { sink, packets } = world();
  for (const bytes of [MOST_SHARED_BYTES + 1, 2 * SLAB_BYTES, MOST_SHARED_BYTES, MOST_SHARED_BYTES + 1])
    packets.appendBytes(Buffer.alloc(bytes));
  await turn();
  expect(sink.sizes).toEqual([MOST_SHARED_BYTES + 1, 2 * SLAB_BYTES, 2 * MOST_SHARED_BYTES + 1]);
  const sizes = sink.written.map(({ now }) => now.buffer.byteLength);
  expect(sizes).toEqual([MOST_SHARED_BYTES + 1, 2 * SLAB_BYTES, SLAB_BYTES]);
});

test('many turns with little each share memory while the socket takes nothing', async () => {
  const { sink, packets } = world();
  sink.isOpen = false;
  for (let i = 0; i < 1_000; i++) {
    packets.appendBytes(Buffer.alloc(100));
    await turn();
  }
  sink.take();
  expect(sink.sizes).toHaveLength(1_000);
  expect(sink.memories).toBe(1);
});

test('an idle line holds no memory: the next one to send has it', async () => {
  const [one, other] = [world(), world()];
  for (const { packets } of [one, other]) {
    packets.appendBytes(Buffer.alloc(10));
    await turn();
  }
  // Taken later, it is given back later.
  one.sink.isOpen = false;
  one.packets.appendBytes(Buffer.alloc(10));
  await turn();
  other.packets.appendBytes(Buffer.alloc(10));
  await turn();
  one.sink.take();
  const [first, last] = [one.sink.written.map(({ now }) => now.buffer), other.sink.written];
  expect(last[0]?.now.buffer).toBe(first[0]);
  expect(last[1]?.now.buffer).not.toBe(first[1]);
});

test('memory of a write that failed is never used again', async () => {
  const { sink, packets } = world();
  sink.isOpen = false;
  packets.appendBytes(Buffer.alloc(10));
  await turn();
  sink.answer(new Error('broken pipe'));
  await turn();
  const next = world();
  next.packets.appendBytes(Buffer.alloc(10));
  await turn();
  expect(next.sink.written[0]?.now.buffer).not.toBe(sink.written[0]?.now.buffer);
});

test('after its end nothing is written', async () => {
  const { sink, packets } = world();
  packets.appendBytes(Buffer.alloc(10));
  packets.drop();
  await turn();
  expect([sink.written, packets.heldBytes]).toEqual([[], 0]);
});

test('a packet that throws while it is written leaves nothing behind', async () => {
  const { sink, packets } = world();
  packets.appendBytes(Buffer.from('before '));
  const broken = {
    byteLength: 10,
    writeTo(memory: Buffer, start: number) {
      memory.write('half', start);
      throw new Error('broken');
    },
  };
  expect(() => packets.append(broken)).toThrow('broken');
  packets.appendBytes(Buffer.from('after'));
  await turn();
  expect(sink.bytes.toString()).toBe('before after');
  expect(packets.takenBytes).toBe(12);
});

test('what waits is what the socket refused, not what this turn sends', async () => {
  const { sink, packets } = world();
  sink.isOpen = false;
  packets.appendBytes(Buffer.alloc(1_000));
  packets.flush();
  expect([packets.waitingBytes, packets.untakenBytes, packets.takenBytes]).toEqual([0, 1_000, 0]);
  await turn();
  expect(packets.waitingBytes).toBe(1_000);
  packets.appendBytes(Buffer.alloc(500));
  expect([packets.waitingBytes, packets.untakenBytes, packets.heldBytes]).toEqual([1_000, 1_500, 500]);
  await turn();
  sink.take();
  await turn();
  expect([packets.waitingBytes, packets.untakenBytes, packets.takenBytes]).toEqual([0, 0, 1_500]);
});

test('what is sent counts as taken up to what the stream holds without asking to wait, and never on a dead one', () => {
  const { sink, packets } = world();
  packets.appendBytes(Buffer.alloc(16_383));
  expect(packets.isTaken).toBe(true);
  packets.appendBytes(Buffer.alloc(1));
  expect(packets.isTaken).toBe(false);
  packets.flush();
  expect(packets.isTaken).toBe(true);
  sink.destroy();
  expect(packets.isTaken).toBe(false);
});
