import { setImmediate as turn } from 'node:timers/promises';
import { Journal, type Kept } from '../../src/delivery/journal.ts';
import { decodeRecord } from '../../src/delivery/record.ts';
import type { OutgoingMessage } from '../../src/protocol/message.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { MemoryDurableStore } from './memory-durable-store.ts';

/** A message that is known by its topic. */
export function messageOf(topic: string, payload: string | Uint8Array = ''): OutgoingMessage {
  return { topic, payload, qos: 1, retain: false };
}

/** All promises that can go on have done so. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await turn();
}

/** One process with a journal over a store in memory, and what the journal told it. */
export class JournalProcess {
  readonly store: MemoryDurableStore;
  readonly clock: SimulatedClock;
  readonly journal: Journal;
  /** `kept a`, `CODE a`, `recovered a b, 1 missing`, `outage CODE`, in the order in which it was told. */
  readonly told: string[] = [];
  /** All that was handed out, by topic. */
  readonly kept = new Map<string, Kept>();
  /** Called inside of `recovered`. */
  onRecovered: () => void = () => {};

  constructor(store = new MemoryDurableStore(), clock = new SimulatedClock(1_000_000)) {
    this.store = store;
    this.clock = clock;
    this.journal = new Journal({
      store,
      clock,
      recovered: (found, missing) => {
        for (const one of found) this.kept.set(one.message.topic, one);
        this.told.push(`recovered ${found.map((one) => one.message.topic).join(' ')}, ${missing} missing`);
        this.onRecovered();
      },
      failed: (error) => this.told.push(`outage ${error.code}`),
    });
  }

  keep(...topics: readonly string[]): void {
    for (const topic of topics) {
      const kept = this.journal.keep(messageOf(topic), Number.POSITIVE_INFINITY, (error) =>
        this.told.push(`${error?.code ?? 'kept'} ${topic}`),
      );
      this.kept.set(topic, kept);
    }
  }

  release(...topics: readonly string[]): void {
    for (const topic of topics) {
      const kept = this.kept.get(topic);
      if (kept === undefined) throw new Error(`${topic} was never kept`);
      this.journal.release(kept);
    }
  }

  /** What was told since this was asked last. */
  takeTold(): readonly string[] {
    return this.told.splice(0);
  }

  /** The disk in words: `1-3` is an ended range, `4 a` a message. */
  get disk(): readonly string[] {
    return this.store.records.map(({ number, value }) => {
      const found = decodeRecord(number, value);
      if (found === undefined) return `${number} ?`;
      return typeof found === 'number' ? `${number}-${found}` : `${number} ${found.message.topic}`;
    });
  }

  /** A journal that has opened its store, and nothing more was told. */
  static async opened(store?: MemoryDurableStore, clock?: SimulatedClock): Promise<JournalProcess> {
    const process = new JournalProcess(store, clock);
    process.journal.open();
    await settled();
    process.takeTold();
    return process;
  }
}
