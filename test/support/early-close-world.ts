// A client that does what the early-close classifier asks, on a broker and a network that close its lines, in virtual time.
import { backoffDelay, DEFAULT_BACKOFF, slowestDelay } from '../../src/protocol/backoff.ts';
import { EarlyCloseClassifier, type Inquiry, type Verdict } from '../../src/protocol/early-close.ts';
import { IotError } from '../../src/protocol/errors.ts';
import type { LineEnd } from '../../src/protocol/transport.ts';
import { seeded } from './seeded.ts';

export interface Publish {
  readonly bytes: number;
  readonly kind: 'good' | 'poison' | 'neverAcknowledged';
}

/** How lines die by themselves, counted from CONNACK. */
export type Flapping =
  | { readonly kind: 'none' }
  | { readonly kind: 'period' | 'exponential'; readonly ms: number }
  /** The packet with this number, or the byte, is the last that is read. */
  | { readonly kind: 'packets' | 'bytes'; readonly count: number }
  /** Another client with the same id and the same backoff. */
  | { readonly kind: 'duel' };

export interface WorldOptions {
  readonly seed: number;
  readonly rttMs: number;
  /** Added to each round trip: up to so many times it. */
  readonly jitter?: number;
  /** How long the broker takes, at most, until it closes over a poisonous packet. */
  readonly closingMs?: number;
  readonly how?: LineEnd['how'];
  /** What the broker says in DISCONNECT over a poisonous packet. */
  readonly poisonError?: IotError;
  /** What the broker says in DISCONNECT to the one whose client id is taken over. */
  readonly takeoverError?: IotError;
  readonly flapping?: Flapping;
  /** The flapping, and the duel, end then. */
  readonly flappingUntilMs?: number;
  readonly filters?: readonly string[];
  readonly poisonFilters?: readonly string[];
  /** Published before the first line. */
  readonly publishes?: readonly Publish[];
  readonly publishesPerSecond?: number;
  readonly publishUntilMs?: number;
  /** QoS 0 that the broker closes over, so many a second. */
  readonly poisonQos0PerSecond?: number;
  readonly failingAttempts?: number;
  readonly persistent?: boolean;
  /** On an ordinary line one SUBSCRIBE waits for the other. */
  readonly subscribesInTurn?: boolean;
}

/** One line, as it went. */
export interface LineRecord {
  readonly openedAt: number;
  readonly endedAt: number;
  readonly inquiry: Inquiry<Publish> | undefined;
  readonly publishes: readonly Publish[];
  readonly filters: readonly string[];
  readonly verdict: Verdict<Publish>;
}

interface Packet {
  readonly publish?: Publish;
  readonly filters?: readonly string[];
}

interface Written extends Packet {
  readonly answeredAt: number;
}

const LOST = new IotError('CONNECTION_LOST', 'closed');
const OVERDUE = new IotError('OPERATION_TIMEOUT', 'no PUBACK');
const OVERDUE_MS = 30_000;
const WINDOW = 100;
const MOST_OPEN = 120;

export class EarlyCloseWorld {
  readonly lines: LineRecord[] = [];
  readonly convictedPublishes: Publish[] = [];
  readonly convictedFilters: string[] = [];
  /** How often a line ended over this publish alone. */
  readonly soleCloses = new Map<Publish, number>();
  /** Not acknowledged, aborted or convicted yet, in order. */
  readonly open: Publish[];
  readonly wanted: Set<string>;
  readonly poison: readonly string[];
  granted = new Set<string>();
  delivered = 0;
  now = 0;
  readonly #options: WorldOptions;
  readonly #random: () => number;
  readonly #classifier = new EarlyCloseClassifier<Publish>(() => this.now);
  #failures = 0;
  #rivalFailures = 0;
  #nextPublishAt = Number.POSITIVE_INFINITY;
  #nextQos0At = Number.POSITIVE_INFINITY;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
    this.open = [...(options.publishes ?? [])];
    this.wanted = new Set(options.filters);
    this.poison = options.poisonFilters ?? [];
    this.#planPublish();
    this.#planQos0();
  }

  /** Until nothing is left to do for a line that holds, or until the last of so many lines. */
  run(mostLines: number): this {
    while (this.lines.length < mostLines && this.#attempt());
    return this;
  }

  /** After one more end of the line, which had nothing open. */
  inquiryOfNextLine(): Inquiry<Publish> | undefined {
    this.now += 3_600_000;
    this.#classifier.closed({ end: { how: 'reset', error: LOST, unansweredFilters: [] }, publishes: [] });
    return this.#classifier.opened((publish) => this.open.includes(publish));
  }

  abort(publish: Publish): void {
    const index = this.open.indexOf(publish);
    if (index >= 0) this.open.splice(index, 1);
  }

  /** One line, and the backoff after it. False when it would hold for ever. */
  #attempt(): boolean {
    while (this.#random() < (this.#options.failingAttempts ?? 0)) {
      this.#classifier.failed();
      this.#sleep(backoffDelay(DEFAULT_BACKOFF, this.#failures++, this.#random));
    }
    const openedAt = this.now;
    const inquiry = this.#classifier.opened((publish) => this.open.includes(publish));
    const line = new Line(this, this.#options, this.#random, inquiry, this.#deathMs(), new Set(this.poison));
    const end = line.live();
    if (end === undefined) return false;
    const { publishes } = line;
    const [sole] = publishes;
    if (sole !== undefined && publishes.length === 1 && end.unansweredFilters.length === 0) {
      this.soleCloses.set(sole, (this.soleCloses.get(sole) ?? 0) + 1);
    }
    const verdict = this.#classifier.closed({ end, publishes });
    this.lines.push({
      openedAt,
      endedAt: this.now,
      inquiry,
      publishes,
      filters: end.unansweredFilters,
      verdict,
    });
    this.#carryOut(verdict);
    if (this.now - openedAt >= DEFAULT_BACKOFF.stableMs) this.#failures = 0;
    const backoff =
      verdict.kind === 'duplicateClientId' || end.error.recovery === 'retrySlowly'
        ? slowestDelay(DEFAULT_BACKOFF, this.#random)
        : backoffDelay(DEFAULT_BACKOFF, this.#failures, this.#random);
    this.#failures++;
    // The other one lived as long as this one was away.
    this.#rivalFailures = backoff >= DEFAULT_BACKOFF.stableMs ? 0 : this.#rivalFailures + 1;
    this.#sleep(backoff);
    return true;
  }

  #carryOut(verdict: Verdict<Publish>): void {
    if (verdict.kind === 'poisonPublish') {
      this.convictedPublishes.push(verdict.publish);
      this.abort(verdict.publish);
    } else if (verdict.kind === 'poisonFilter') {
      this.convictedFilters.push(verdict.filter);
      this.wanted.delete(verdict.filter);
    }
  }

  #deathMs(): number {
    const flapping = this.#options.flapping ?? { kind: 'none' };
    if (this.now >= (this.#options.flappingUntilMs ?? Number.POSITIVE_INFINITY))
      return Number.POSITIVE_INFINITY;
    if (flapping.kind === 'period') return flapping.ms * (1 + 0.02 * this.#random());
    if (flapping.kind === 'exponential') return -Math.log(1 - this.#random()) * flapping.ms;
    if (flapping.kind === 'duel') return backoffDelay(DEFAULT_BACKOFF, this.#rivalFailures, this.#random);
    return Number.POSITIVE_INFINITY;
  }

  #sleep(ms: number): void {
    const until = this.now + ms;
    while (this.#nextPublishAt <= until) this.publishDue(this.#nextPublishAt);
    // QoS 0 without a line is gone.
    while (this.#nextQos0At <= until) this.qos0Due(this.#nextQos0At);
    this.now = until;
  }

  get nextPublishAt(): number {
    return this.#nextPublishAt;
  }

  get nextQos0At(): number {
    return this.#nextQos0At;
  }

  publishDue(at: number): void {
    this.now = at;
    if (this.open.length < MOST_OPEN) this.open.push({ kind: 'good', bytes: 50 + this.#random() * 200 });
    this.#planPublish();
  }

  qos0Due(at: number): void {
    this.now = Math.max(this.now, at);
    this.#planQos0();
  }

  #planPublish(): void {
    const at = this.now + this.#interval(this.#options.publishesPerSecond);
    this.#nextPublishAt = at > (this.#options.publishUntilMs ?? at) ? Number.POSITIVE_INFINITY : at;
  }

  #planQos0(): void {
    this.#nextQos0At = this.now + this.#interval(this.#options.poisonQos0PerSecond);
  }

  #interval(perSecond = 0): number {
    return perSecond === 0 ? Number.POSITIVE_INFINITY : (-Math.log(1 - this.#random()) * 1_000) / perSecond;
  }
}

/** One line from CONNACK to its end. */
class Line {
  readonly #world: EarlyCloseWorld;
  readonly #options: WorldOptions;
  readonly #random: () => number;
  readonly #inquiry: Inquiry<Publish> | undefined;
  readonly #poison: ReadonlySet<string>;
  readonly #quietUntil: number;
  readonly #written: Written[] = [];
  readonly #isWritten = new Set<Publish>();
  readonly #toAsk: string[];
  #next = 0;
  #diesAt: number;
  readonly #dyingHow: LineEnd['how'];
  #dyingError: IotError;
  #lastAnswerAt = 0;
  #overdueAt = Number.POSITIVE_INFINITY;
  #isDeaf = false;
  #packets = 1;
  #bytes = 50;
  #openOnes = 0;

  constructor(
    world: EarlyCloseWorld,
    options: WorldOptions,
    random: () => number,
    inquiry: Inquiry<Publish> | undefined,
    deathMs: number,
    poison: ReadonlySet<string>,
  ) {
    this.#world = world;
    this.#options = options;
    this.#random = random;
    this.#inquiry = inquiry;
    this.#poison = poison;
    this.#quietUntil = world.now + (inquiry?.quietMs ?? 0);
    this.#diesAt = world.now + deathMs;
    this.#dyingHow = options.how ?? 'closed';
    this.#dyingError = (options.flapping?.kind === 'duel' && options.takeoverError) || LOST;
    if (options.persistent !== true) world.granted = new Set();
    this.#toAsk = [...world.wanted].filter((filter) => !world.granted.has(filter));
  }

  get publishes(): Publish[] {
    return this.#written.flatMap(({ publish }) => (publish === undefined ? [] : [publish]));
  }

  live(): LineEnd | undefined {
    const world = this.#world;
    for (;;) {
      if (world.now >= this.#quietUntil) this.#send();
      const first = this.#written[0];
      const answer = first?.answeredAt ?? Number.POSITIVE_INFINITY;
      const quiet = world.now < this.#quietUntil ? this.#quietUntil : Number.POSITIVE_INFINITY;
      const until = Math.min(
        answer,
        this.#overdueAt,
        quiet,
        this.#diesAt,
        world.nextPublishAt,
        world.nextQos0At,
      );
      if (until === Number.POSITIVE_INFINITY) return undefined;
      if (until === this.#diesAt) return this.#end(until, this.#dyingHow, this.#dyingError);
      if (until === this.#overdueAt) return this.#end(until, 'givenUp', OVERDUE);
      if (until === world.nextPublishAt) world.publishDue(until);
      else if (until === world.nextQos0At) this.#qos0(until);
      else world.now = until;
      if (until === answer) this.#answered();
    }
  }

  #end(at: number, how: LineEnd['how'], error: IotError): LineEnd {
    this.#world.now = at;
    const unansweredFilters = this.#written.flatMap(({ filters }) => filters ?? []);
    return { how, error, unansweredFilters };
  }

  #isSettled(): boolean {
    return this.#toAsk.length === 0 && !this.#written.some(({ filters }) => filters !== undefined);
  }

  #isTrying(): boolean {
    const suspects = this.#inquiry?.publishes;
    return suspects !== undefined && suspects.size > 0 && this.#world.open.some((one) => suspects.has(one));
  }

  #send(): void {
    const inTurn = this.#inquiry !== undefined || this.#options.subscribesInTurn === true;
    while (
      this.#toAsk.length > 0 &&
      !(inTurn && this.#written.some(({ filters }) => filters !== undefined))
    ) {
      this.#write({ filters: this.#toAsk.splice(0, this.#inquiry?.filtersPerSubscribe ?? 8) });
    }
    if (this.#inquiry !== undefined && !this.#isSettled()) return;
    const isTrying = this.#isTrying();
    for (; this.#next < this.#world.open.length && this.#openOnes < (isTrying ? 1 : WINDOW); this.#next++) {
      const publish = this.#world.open[this.#next];
      if (publish === undefined || this.#isWritten.has(publish)) continue;
      this.#isWritten.add(publish);
      this.#openOnes++;
      this.#write({ publish });
    }
  }

  #qos0(at: number): void {
    this.#world.qos0Due(at);
    const mayGo =
      at >= this.#quietUntil && (this.#inquiry === undefined || (this.#isSettled() && !this.#isTrying()));
    if (mayGo) this.#closesOver(at);
  }

  #closesOver(sentAt: number): void {
    if (this.#isDeaf) return;
    this.#isDeaf = true;
    const at = sentAt + this.#roundTrip() + this.#random() * (this.#options.closingMs ?? 0);
    if (at < this.#diesAt) {
      this.#diesAt = Math.max(at, this.#lastAnswerAt);
      this.#dyingError = this.#options.poisonError ?? LOST;
    }
  }

  #roundTrip(): number {
    return this.#options.rttMs * (1 + this.#random() * (this.#options.jitter ?? 0));
  }

  #write(packet: Packet): void {
    const { now } = this.#world;
    this.#packets++;
    this.#bytes +=
      packet.publish?.bytes ?? (packet.filters ?? []).reduce((sum, one) => sum + one.length + 3, 5);
    const { flapping } = this.#options;
    const isPoison =
      packet.publish?.kind === 'poison' ||
      packet.filters?.some((filter) => this.#poison.has(filter)) === true;
    const isTooMuch =
      (flapping?.kind === 'packets' && this.#packets > flapping.count) ||
      (flapping?.kind === 'bytes' && this.#bytes > flapping.count);
    if (isPoison || isTooMuch) this.#closesOver(now);
    const isAnswered = !this.#isDeaf && packet.publish?.kind !== 'neverAcknowledged';
    if (!isAnswered && packet.publish !== undefined)
      this.#overdueAt = Math.min(this.#overdueAt, now + OVERDUE_MS);
    if (isAnswered) this.#lastAnswerAt = Math.max(this.#lastAnswerAt, now + this.#roundTrip());
    const written = {
      ...packet,
      answeredAt: isAnswered ? this.#lastAnswerAt : Number.POSITIVE_INFINITY,
    };
    // Those without an answer stand at the end.
    const behind = this.#written.findIndex(({ answeredAt }) => answeredAt === Number.POSITIVE_INFINITY);
    if (isAnswered && behind >= 0) this.#written.splice(behind, 0, written);
    else this.#written.push(written);
  }

  #answered(): void {
    const { publish, filters } = this.#written.shift() ?? {};
    for (const filter of filters ?? []) this.#world.granted.add(filter);
    if (publish === undefined) return;
    this.#openOnes--;
    const index = this.#world.open.indexOf(publish);
    if (index < 0) return;
    this.#world.open.splice(index, 1);
    this.#world.delivered++;
    if (index < this.#next) this.#next--;
  }
}
