import type fc from 'fast-check';
import { decodeRecord } from '../../src/delivery/record.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { JournalProcess } from './journal-process.ts';
import { type Landed, MemoryDurableStore } from './memory-durable-store.ts';

/** What a random run does. Numbers choose among what there is. */
export type JournalStep =
  | { readonly kind: 'keep'; readonly count: number }
  | { readonly kind: 'release'; readonly which: number }
  /** Promises go on, but those of the store. */
  | { readonly kind: 'turn' }
  /** One operation of the store settles. */
  | { readonly kind: 'answer' }
  | { readonly kind: 'fail'; readonly operation: 'open' | 'read' | 'write'; readonly landed: Landed }
  | { readonly kind: 'retry'; readonly afterMs: number }
  /** The disk loses a record under the open store. */
  | { readonly kind: 'lose'; readonly which: number }
  | { readonly kind: 'idle' }
  | { readonly kind: 'close' }
  /** The process dies, the disk loses records, the next process begins. */
  | { readonly kind: 'crash'; readonly landed: 'none' | 'all'; readonly lost: readonly number[] };

/**
 * What the next process is to find of a message: it, not it, or either. Either is for what was not answered, and for what
 * was rejected or released while that is not yet written.
 */
type Fate = 'kept' | 'gone' | 'either';

/**
 * Journals of one process after the other, on one disk, and a model that knows only what they were asked and what they
 * answered. All that is wrong becomes a complaint.
 */
export class JournalWorld {
  readonly complaints: string[] = [];
  readonly #scheduler: fc.Scheduler;
  readonly #clock = new SimulatedClock(1_000_000);
  /** In the order in which they were asked for. */
  readonly #fates = new Map<string, Fate>();
  /** Released or rejected. Their fate is open until the journal has written that. */
  readonly #ended = new Set<string>();
  #unanswered: string[] = [];
  #missing = 0;
  #process: JournalProcess;
  #isRecovered = false;
  #mayFail = false;
  /** The disk was touched by something else than whole writes. */
  #isDamaged = false;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
    const mode = (operation: string): Promise<unknown> => scheduler.schedule(Promise.resolve(), operation);
    this.#process = this.#start(new MemoryDurableStore(mode));
  }

  async run(step: JournalStep): Promise<void> {
    this.#hear();
    switch (step.kind) {
      case 'keep':
        this.#keep(step.count);
        break;
      case 'release':
        this.#release(step.which);
        break;
      case 'turn':
        await this.#turn();
        break;
      case 'answer':
        await this.#answer();
        break;
      case 'fail':
        this.#fail(step.operation, step.landed);
        break;
      case 'retry':
        this.#clock.advance(step.afterMs);
        this.#process.journal.open();
        break;
      case 'lose':
        this.#loseWhileOpen(step.which);
        break;
      case 'idle':
        await this.#idle();
        break;
      case 'close':
        await this.#close();
        break;
      case 'crash':
        this.#crash(step.landed, step.lost);
    }
  }

  /** Nothing fails any more: whatever is kept must be found by the next process, and the one after it. */
  async finish(): Promise<void> {
    this.#crash('none', []);
    await this.#idle();
    await this.#close();
    await this.#idle();
    const kept = [...this.#fates].filter(([, fate]) => fate === 'kept');
    for (const [topic] of kept) this.#end(topic);
    await this.#idle();
    if (this.#process.store.records.length > 1) this.#complain('more than one record after all was released');
    this.#judgeProcess();
  }

  #keep(count: number): void {
    for (let left = count; left > 0; left--) {
      const topic = `t${this.#fates.size}`;
      this.#fates.set(topic, 'either');
      this.#unanswered.push(topic);
      this.#process.keep(topic);
    }
  }

  #release(which: number): void {
    const topics = [...this.#process.kept.keys()];
    const topic = topics[which % topics.length];
    if (topic !== undefined) this.#end(topic);
  }

  #end(topic: string): void {
    this.#process.release(topic);
    this.#ended.add(topic);
    if (this.#fates.get(topic) === 'kept') this.#fates.set(topic, 'either');
    this.#unanswered = this.#unanswered.filter((other) => other !== topic);
  }

  async #turn(): Promise<void> {
    for (let turns = 0; turns < 20; turns++) await Promise.resolve();
    this.#hear();
  }

  async #answer(): Promise<void> {
    await this.#turn();
    if (this.#scheduler.count() > 0) await this.#scheduler.waitNext(1);
    await this.#turn();
  }

  #fail(operation: 'open' | 'read' | 'write', landed: Landed): void {
    this.#mayFail = true;
    if (typeof landed === 'number') this.#isDamaged = true;
    this.#process.store.failNext(operation, { landed });
  }

  #loseWhileOpen(which: number): void {
    if (!this.#isRecovered) return;
    this.#isDamaged = true;
    this.#lose(this.#process.store, which);
  }

  /** Until nothing goes on by itself. Then, when the store is open, all is written. */
  async #idle(): Promise<void> {
    await this.#turn();
    while (this.#scheduler.count() > 0) await this.#answer();
    if (this.#unanswered.length > 0) this.#complain(`never answered: ${this.#unanswered.join(' ')}`);
    if (!this.#process.store.isOpen) return;
    this.#writeOff();
    if (!this.#isDamaged) this.#judgeDisk();
  }

  async #close(): Promise<void> {
    const { store, journal } = this.#process;
    const writesReleases = this.#isRecovered && !this.#mayFail;
    const closed = journal.close().then(() => 'closed');
    for (let tries = 0; tries < 20; tries++) await this.#answer();
    if ((await Promise.race([closed, Promise.resolve('pending')])) === 'pending')
      this.#complain('close() is pending');
    if (store.isOpen) this.#complain('close() does not free the store');
    if (writesReleases) this.#writeOff();
    this.#crash('none', []);
  }

  #crash(landed: 'none' | 'all', lost: readonly number[]): void {
    this.#judgeProcess();
    const store = this.#process.store.nextProcess(landed);
    for (const which of lost) this.#lose(store, which);
    this.#ended.clear();
    this.#unanswered = [];
    this.#isRecovered = false;
    this.#mayFail = false;
    this.#isDamaged = false;
    this.#process = this.#start(store);
  }

  #start(store: MemoryDurableStore): JournalProcess {
    this.#missing = missingOn(store);
    store.onLanded = () => {
      if (!this.#isDamaged && missingOn(store) > 0) this.#complain('a write left a gap');
    };
    const process = new JournalProcess(store, this.#clock);
    process.journal.open();
    return process;
  }

  #lose(store: MemoryDurableStore, which: number): void {
    const record = store.records[which % store.records.length];
    if (record === undefined) return;
    const found = decodeRecord(record.number, record.value);
    const topic = typeof found === 'object' ? found.message.topic : '';
    if (this.#fates.get(topic) === 'kept') this.#fates.set(topic, 'either');
    store.lose(record.number);
  }

  #hear(): void {
    for (const line of this.#process.takeTold()) {
      const recovered = /^recovered (.*), (\d+) missing$/.exec(line);
      const [what, topic = ''] = line.split(' ');
      if (recovered !== null) this.#recovered((recovered[1] ?? '').split(' '), Number(recovered[2]));
      else if (what !== 'outage') this.#answered(topic, what === 'kept');
    }
  }

  #answered(topic: string, isKept: boolean): void {
    if (this.#unanswered.shift() !== topic) this.#complain(`${topic} was answered out of turn`);
    if (isKept) this.#fates.set(topic, 'kept');
    else this.#ended.add(topic);
  }

  #recovered(topics: readonly string[], missing: number): void {
    if (this.#isRecovered) this.#complain('recovered twice');
    this.#isRecovered = true;
    const found = new Set(topics.filter((topic) => topic !== ''));
    if (missing !== this.#missing) this.#complain(`${missing} missing instead of ${this.#missing}`);
    const fates = [...this.#fates].filter(([topic]) => !this.#unanswered.includes(topic));
    const inOrder = fates.filter(([topic]) => found.has(topic)).map(([topic]) => topic);
    if (inOrder.join(' ') !== topics.join(' ')) this.#complain(`found ${topics.join(' ')}, not in order`);
    for (const [topic, fate] of fates) {
      if (fate === 'kept' && !found.has(topic)) this.#complain(`${topic} is lost`);
      if (fate === 'gone' && found.has(topic)) this.#complain(`${topic} came back`);
      // Also what was rejected before the first opening succeeded, in this process, and never written.
      if (!this.#ended.has(topic)) this.#fates.set(topic, found.has(topic) ? 'kept' : 'gone');
    }
  }

  /** What was released or rejected is written: it must never come back. */
  #writeOff(): void {
    for (const topic of this.#ended) this.#fates.set(topic, 'gone');
  }

  #judgeDisk(): void {
    const found = this.#process.store.records.map(({ number, value }) => decodeRecord(number, value));
    const topics = found.flatMap((one) => (typeof one === 'object' ? [one.message.topic] : []));
    const kept = [...this.#fates].filter(([, fate]) => fate === 'kept').map(([topic]) => topic);
    if (topics.join(' ') !== kept.join(' ')) this.#complain(`has ${topics.join(' ')}, not ${kept.join(' ')}`);
    if (found.length - topics.length > topics.length + 1) this.#complain('too many ended ranges');
    if (missingOn(this.#process.store) > 0) this.#complain('not every number is a record or ended');
  }

  /** The store's rules, and that no number had two messages. */
  #judgeProcess(): void {
    const { violations, batches } = this.#process.store;
    for (const violation of violations) this.#complain(violation);
    const topicOf = new Map<number, string>();
    for (const { number, value } of batches.flat()) {
      const found = value && decodeRecord(number, value);
      if (typeof found !== 'object') continue;
      const { topic } = found.message;
      if ((topicOf.get(number) ?? topic) !== topic) this.#complain(`two messages have the number ${number}`);
      topicOf.set(number, topic);
    }
  }

  #complain(what: string): void {
    this.complaints.push(what);
  }
}

/** How many numbers up to the greatest are neither a record nor in an ended range: one by one, by brute force. */
function missingOn({ records }: MemoryDurableStore): number {
  const present = new Set<number>();
  for (const { number, value } of records) {
    const found = decodeRecord(number, value);
    for (let one = number; one <= (typeof found === 'number' ? found : number); one++) present.add(one);
  }
  return Math.max(0, ...present) - present.size;
}
