import type fc from 'fast-check';
import type { EndObserver, Entry } from '../../src/delivery/entry.ts';
import { Journal } from '../../src/delivery/journal.ts';
import { Outbox } from '../../src/delivery/outbox.ts';
import { decodeRecord } from '../../src/delivery/record.ts';
import { IotError } from '../../src/protocol/errors.ts';
import type { OutgoingMessage } from '../../src/protocol/message.ts';
import { checkHistory, cleanHistory, type HistoryLine } from '../../src/testing/history-checker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { MemoryDurableStore } from './memory-durable-store.ts';
import { ScriptedWire, type WrittenPacket } from './scripted-wire.ts';

/** What a random run does. Numbers choose among what there is. */
export type DurableStep =
  | { readonly kind: 'add'; readonly qos: 0 | 1; readonly expires: boolean }
  /** One operation of the store settles, the scheduler says which. */
  | { readonly kind: 'answer' }
  /** Promises go on, but those of the store. */
  | { readonly kind: 'turn' }
  | { readonly kind: 'attach' }
  | { readonly kind: 'detach'; readonly received: number }
  /** The broker gets some packets and acknowledges them, in its own order. */
  | { readonly kind: 'receive'; readonly count: number; readonly which: number }
  | { readonly kind: 'abort'; readonly which: number }
  | { readonly kind: 'pass'; readonly durationMs: number }
  | { readonly kind: 'fail'; readonly operation: 'open' | 'read' | 'write'; readonly landed: 'none' | 'all' }
  /** The app closes its client; the next process begins. */
  | { readonly kind: 'close'; readonly received: number }
  /** The process dies in the midst of it all; the next one begins. */
  | { readonly kind: 'crash'; readonly landed: 'none' | 'all'; readonly received: number };

/** What is known of a message over all processes. */
interface Fate {
  readonly qos: 0 | 1;
  /** The process that has it told its sender that it is kept, or wrote it. */
  isAccepted: boolean;
  /** Its sender heard its end, and the client may forget it. */
  isEnded: boolean;
  /** It was rejected, and not because of the end of a process. */
  isGivenUp: boolean;
}

/** Outboxes over journals, one process after the other on one disk, and the broker that they all send to. */
export class OutboxDurableWorld {
  readonly complaints: string[] = [];
  readonly #scheduler: fc.Scheduler;
  readonly #fates = new Map<string, Fate>();
  /** Everything in the order in which it happened, whatever message it is about. */
  readonly #history: HistoryLine[] = [];
  /** Given up, and yet recovered because that was not written: others may have passed them meanwhile. */
  readonly #outOfTurn = new Set<string>();
  #unread: WrittenPacket[] = [];
  #wire: ScriptedWire | undefined;
  #store: MemoryDurableStore;
  #process: Process;
  /** Whether this process has a disk that works. */
  #isDiskGood = false;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
    const mode = (operation: string): Promise<unknown> => scheduler.schedule(Promise.resolve(), operation);
    this.#store = new MemoryDurableStore(mode);
    this.#process = this.#start(0);
  }

  async run(step: DurableStep): Promise<void> {
    switch (step.kind) {
      case 'add':
        this.#add(step.qos, step.expires);
        break;
      case 'answer':
        await this.#answer();
        break;
      case 'turn':
        await turn();
        break;
      case 'attach':
        this.#attach();
        break;
      case 'detach':
        this.#detach(step.received);
        break;
      case 'receive':
        this.#receive(step.count, step.which);
        break;
      case 'abort':
        this.#abort(step.which);
        break;
      case 'pass':
        this.#process.clock.advance(step.durationMs);
        break;
      case 'fail':
        this.#isDiskGood = false;
        this.#store.failNext(step.operation, { landed: step.landed });
        break;
      case 'close':
        await this.#close(step.received);
        break;
      case 'crash':
        this.#crash(step.landed, step.received);
    }
  }

  /** A good line and a good disk for as long as it takes: all that is kept is delivered, and then the disk is empty. */
  async finish(): Promise<void> {
    this.#crash('none', 0);
    await this.#settle();
    for (
      let left = 200;
      left > 0 && this.#process.outbox.entries().length + this.#unread.length > 0;
      left--
    ) {
      this.#attach();
      this.#receive(5, 0);
      this.#process.clock.advance(1_000);
      await this.#settle();
    }
    await this.#close(0);
    for (const { value, number } of this.#store.records) {
      if (typeof decodeRecord(number, value) === 'object') this.#complain(`${number} is still on the disk`);
    }
    const report = checkHistory(this.#history, { allowResends: true });
    if (JSON.stringify(report) !== JSON.stringify(cleanHistory)) this.#complain(JSON.stringify(report));
  }

  #start(now: number): Process {
    const clock = new SimulatedClock(now);
    // What has begun in a process that is dead comes to nothing.
    const isAlive = (): boolean => this.#process.outbox === outbox;
    this.#isDiskGood = true;
    const journal = new Journal({
      store: this.#store,
      clock,
      recovered: (found, missing) => {
        if (missing > 0) this.#complain(`${missing} missing`);
        this.#compareRecovered(found.map(({ message }) => idOf(message)));
        outbox.recover(found, (message) => this.#observe(idOf(message), isAlive));
      },
      failed: () => undefined,
    });
    const outbox: Outbox = new Outbox({
      clock,
      journal,
      enabled: true,
      maxMessages: 1_000,
      maxBytes: 1_000_000,
      overflow: 'dropNewest',
      window: 3,
      reportError: (error) => this.#complain(String(error)),
    });
    outbox.setFlow('free');
    journal.open();
    return { clock, outbox, journal, entries: new Map(), onDisk: this.#readDisk(), isAlive };
  }

  #add(qos: 0 | 1, expires: boolean): void {
    const { outbox, entries, isAlive } = this.#process;
    const id = String(this.#fates.size);
    this.#fates.set(id, { qos, isAccepted: false, isEnded: false, isGivenUp: false });
    this.#log({ t: 0, op: 'accepted', id, qos });
    const queued = (): void => {
      if (!isAlive()) return;
      this.#log({ t: 0, op: 'queued', id });
      this.#accept(id);
    };
    const observer = { ...this.#observe(id, isAlive), queued };
    const message: OutgoingMessage = { topic: 't', payload: id, qos, retain: false };
    entries.set(id, outbox.add(message, observer, expires ? { expiresInMs: 2_000 } : {}));
  }

  async #answer(): Promise<void> {
    await turn();
    if (this.#scheduler.count() > 0) await this.#scheduler.waitNext(1);
    await turn();
  }

  async #settle(): Promise<void> {
    await turn();
    while (this.#scheduler.count() > 0) await this.#answer();
  }

  #attach(): void {
    if (this.#wire !== undefined) return;
    const wire = new ScriptedWire({
      onPublish: (packet) => {
        if (this.#wire === wire) this.#written(packet);
      },
    });
    this.#wire = wire;
    this.#process.outbox.attach(wire);
  }

  #detach(received: number): void {
    this.#loseLine(received);
    this.#process.outbox.detach();
  }

  /** Some of what was written still arrives, the first of it. */
  #loseLine(received: number): void {
    for (const { message } of this.#unread.slice(0, received))
      this.#log({ t: 0, op: 'received', id: idOf(message) });
    this.#unread = [];
    this.#wire = undefined;
  }

  #receive(count: number, which: number): void {
    const packets = this.#unread.splice(0, count);
    for (const { message } of packets) this.#log({ t: 0, op: 'received', id: idOf(message) });
    const first = which % (packets.length || 1);
    for (const packet of [...packets.slice(first), ...packets.slice(0, first)]) {
      if (packet.message.qos === 0) continue;
      this.#log({ t: 0, op: 'acknowledged', id: idOf(packet.message) });
      packet.done();
    }
  }

  #abort(which: number): void {
    const { outbox, entries } = this.#process;
    const entry = [...entries.values()][which % (entries.size || 1)];
    if (entry !== undefined) outbox.end(entry, new IotError('TIMEOUT', 'too late'));
  }

  async #close(received: number): Promise<void> {
    const { outbox, journal, clock } = this.#process;
    outbox.close(new IotError('CLOSED', 'closed'));
    this.#detach(received);
    const closing = journal.close();
    await this.#settle();
    await closing;
    if (clock.pending > 0) this.#complain('a timer is left');
    if (this.#isDiskGood) {
      const back = this.#readDisk().filter((id) => this.#fates.get(id)?.isEnded);
      if (back.length > 0) this.#complain(`${back.join()} had ended, and are still on the disk`);
    }
    this.#next('all');
  }

  #crash(landed: 'none' | 'all', received: number): void {
    this.#loseLine(received);
    this.#next(landed);
  }

  #next(landed: 'none' | 'all'): void {
    this.complaints.push(...this.#store.violations);
    const now = this.#process.clock.now();
    this.#store = this.#store.nextProcess(landed);
    this.#process = this.#start(now);
    const { onDisk } = this.#process;
    for (const [id, fate] of this.#fates) {
      if (onDisk.includes(id)) this.#forgetEnd(id, fate);
      else this.#judgeGone(id, fate);
    }
  }

  /** It comes again. What its sender heard of its end came from the process before, and is true of that alone. */
  #forgetEnd(id: string, fate: Fate): void {
    const isEnd = ({ op }: HistoryLine) => op === 'delivered' || op === 'rejected';
    this.#remove((line) => line.id === id && (isEnd(line) || line.op === 'queued'));
    if (fate.isGivenUp) {
      this.#remove((line) => line.id === id);
      this.#outOfTurn.add(id);
    }
    fate.isEnded = false;
    fate.isAccepted = true;
  }

  /** Nobody has it any more: either it had ended, or nobody was told that it is kept. */
  #judgeGone(id: string, fate: Fate): void {
    if (fate.isEnded) return;
    if (fate.isAccepted) this.#complain(`${id} was accepted, and is neither delivered nor on the disk`);
    fate.isEnded = true;
    this.#remove((line) => line.id === id);
  }

  #remove(isToGo: (line: HistoryLine) => boolean): void {
    const left = this.#history.filter((line) => !isToGo(line));
    this.#history.splice(0, this.#history.length, ...left);
  }

  #compareRecovered(found: readonly string[]): void {
    const shouldBe = this.#process.onDisk;
    if (found.join() !== shouldBe.join()) this.#complain(`found ${found.join()}, not ${shouldBe.join()}`);
  }

  /** The messages that the next process is to find, in their order. */
  #readDisk(): string[] {
    const found = this.#store.records.map(({ number, value }) => decodeRecord(number, value));
    return found.flatMap((record) => (typeof record === 'object' ? [idOf(record.message)] : []));
  }

  #written(packet: WrittenPacket): void {
    const id = idOf(packet.message);
    this.#log({ t: 0, op: 'written', id });
    this.#unread.push(packet);
    if (packet.message.qos === 0) return;
    const isKept = this.#readDisk().includes(id);
    if (!isKept) this.#complain(`${id} was written to the wire before the disk had it`);
    this.#accept(id);
  }

  /** QoS 0 is not stored: it ends with its process. */
  #accept(id: string): void {
    const fate = this.#fates.get(id);
    if (fate?.qos === 1) fate.isAccepted = true;
  }

  #observe(id: string, isAlive: () => boolean): EndObserver {
    const ended = (line: HistoryLine, isOver: boolean): void => {
      if (!isAlive()) return;
      const fate = this.#fates.get(id);
      this.#log(line);
      this.#process.entries.delete(id);
      if (fate !== undefined) fate.isEnded = isOver || !fate.isAccepted;
    };
    return {
      delivered: () => ended({ t: 0, op: 'delivered', id }, true),
      // Closed: what was accepted lives on.
      failed: ({ code, outcomeUnknown }) => {
        const fate = this.#fates.get(id);
        ended({ t: 0, op: 'rejected', id, outcomeUnknown }, code !== 'CLOSED');
        if (fate !== undefined && isAlive() && code !== 'CLOSED') fate.isGivenUp = true;
      },
    };
  }

  #log(line: HistoryLine): void {
    if (!this.#outOfTurn.has(line.id)) this.#history.push(line);
  }

  #complain(what: string): void {
    this.complaints.push(what);
  }
}

interface Process {
  readonly clock: SimulatedClock;
  readonly outbox: Outbox;
  readonly journal: Journal;
  readonly entries: Map<string, Entry>;
  /** What it is to find. */
  readonly onDisk: readonly string[];
  readonly isAlive: () => boolean;
}

function idOf({ payload }: OutgoingMessage): string {
  return String(payload);
}

async function turn(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
}
