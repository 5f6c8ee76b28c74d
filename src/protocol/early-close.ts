import type { IotErrorCode } from './errors.ts';
import { AWS_LIMITS } from './limits.ts';
import type { Caution, LineEnd } from './transport.ts';

/** What was open when a line ended. `P` is a publish: the same object as long as it is the same publish. */
export interface ClosedLine<P extends object> {
  readonly end: LineEnd;
  /** The QoS 1 publishes that this line carried and that had no PUBACK. */
  readonly publishes: readonly P[];
}

/** What a new line has to find out. */
export interface Inquiry<P extends object> extends Caution {
  /** The suspects: they go one at a time, with nothing beside them. Whoever ends one takes it out. */
  readonly publishes: Set<P>;
}

/** Why a line was closed. `closes`: how often that was seen. */
export type Verdict<P extends object> =
  | { readonly kind: 'network' }
  /** Over one of the packets that had no answer, most likely; the next lines find out which. */
  | { readonly kind: 'packet' }
  | { readonly kind: 'duplicateClientId'; readonly closes: number }
  | { readonly kind: 'poisonPublish'; readonly publish: P; readonly closes: number }
  | { readonly kind: 'poisonFilter'; readonly filter: string; readonly closes: number };

/** A close sooner than this after CONNACK is early. As long as it takes, by default, until a line is stable. */
const EARLY_MS = 20_000;
/** So many early closes in a row that no packet explains: somebody else uses the client id. */
const DUEL_CLOSES = 3;
/** The close over the same sole packet that convicts it. */
const TRIALS = 3;
/** A line under inquiry is quiet for so many times as long as its predecessor lived: one that dies by itself dies then. */
const QUIET_FACTOR = 5;
const LEAST_QUIET_MS = 500;
const MOST_QUIET_MS = 45_000;
const ALL_FILTERS = AWS_LIMITS.filtersPerSubscribe;
/** What a broker says when it closes a line whatever was sent over it. */
const OVER_NO_PACKET: ReadonlySet<IotErrorCode> = new Set([
  'DUPLICATE_CLIENT_ID',
  'QUOTA_EXCEEDED',
  'SERVER_UNAVAILABLE',
  'SERVER_MOVED',
]);
/** The same, where the code alone does not say it: keep-alive timeout, administrative action, maximum connect time. */
const REASONS_OVER_NO_PACKET: ReadonlySet<number | undefined> = new Set([141, 152, 160]);

const NO_FILTERS: ReadonlySet<string> = new Set();
const NETWORK = { kind: 'network' } as const;
const PACKET = { kind: 'packet' } as const;

/**
 * Tells who closes the lines. AWS IoT Core closes one without a word over a publish or a filter that the policy denies, and
 * when another client takes the client id; other brokers also over a publish that is too large. A client that then sends
 * the same again is closed again, for ever.
 *
 * A packet that had no answer at two closes in a row is a suspect. The next lines try it. Each first stays quiet, for longer
 * than its predecessor lived (but no longer than 45 seconds), and when it ends meanwhile, all are acquitted: it would have
 * ended without them. Then filters are asked for, by halves, and after them publishes go one at a time. The third close over
 * the same sole packet convicts it. So a line that flaps makes nothing poison: it would have to outlive each quiet time, and
 * they grow, and then end each time before the answer to the same packet.
 *
 * When lines are closed early and no packet explains it, another client with the same id is likely.
 */
export class EarlyCloseClassifier<P extends object> {
  readonly #now: () => number;
  #openedAt = 0;
  /** What the present line finds out; undefined on an ordinary one. */
  #inquiry: Inquiry<P> | undefined;
  /** What had no answer at the last close. The publishes weakly: the next close may be months away. */
  #lastPublishes: WeakSet<P> | undefined;
  #lastFilters = NO_FILTERS;
  /** Undefined on almost every client, for life: sets cost memory. */
  #suspects: Set<P> | undefined;
  /** The filters that had no answer at each close since they became suspects. */
  #suspectFilters = NO_FILTERS;
  #filtersPerSubscribe: number = ALL_FILTERS;
  #quietMs = LEAST_QUIET_MS;
  #trials: { readonly over: P | 'filters'; readonly closes: number } | undefined;
  #duelCloses = 0;

  /** @param now milliseconds of a clock that nobody sets */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * A line began, with its CONNACK.
   * @param isOpen whether a publish has not ended yet; one that was aborted is no suspect any more
   */
  opened(isOpen: (publish: P) => boolean): Inquiry<P> | undefined {
    this.#openedAt = this.#now();
    const publishes = new Set([...(this.#suspects ?? [])].filter(isOpen));
    this.#suspects = publishes.size > 0 ? publishes : undefined;
    const filtersPerSubscribe = this.#filtersPerSubscribe;
    this.#inquiry =
      publishes.size === 0 && this.#suspectFilters.size === 0
        ? undefined
        : { publishes, filtersPerSubscribe, quietMs: this.#quietMs };
    return this.#inquiry;
  }

  /** An attempt ended before CONNACK: that is no other client, which would be let in as this one is. */
  failed(): void {
    this.#duelCloses = 0;
  }

  /** The line ended. */
  closed(line: ClosedLine<P>): Verdict<P> {
    const livedMs = this.#now() - this.#openedAt;
    return this.#duel(line.end, livedMs, this.#overPacket(line, livedMs));
  }

  /** What the close says about packets; undefined when no packet explains it. */
  #overPacket(line: ClosedLine<P>, livedMs: number): Verdict<P> | undefined {
    const { how, error, unansweredFilters } = line.end;
    const wasQuiet = this.#inquiry !== undefined && livedMs < this.#inquiry.quietMs;
    if (!wasQuiet && unansweredFilters.length === 0) this.#suspectFiltersAre([], 0);
    if (how === 'givenUp') {
      // The line outlived what it did not answer. One that was asked to end says nothing.
      if (!wasQuiet && error.code !== 'DISCONNECTED') this.#acquit();
      return undefined;
    }
    if (OVER_NO_PACKET.has(error.code) || REASONS_OVER_NO_PACKET.has(error.reasonCode)) return undefined;
    this.#quietMs = Math.min(Math.max(livedMs * QUIET_FACTOR, LEAST_QUIET_MS), MOST_QUIET_MS);
    if (!wasQuiet) return this.#trial(line) ?? this.#suspicion(line);
    this.#acquit();
    return undefined;
  }

  /** Counts the early closes that nobody explains. A suspicion explains nothing yet: it lets the count stand. */
  #duel({ how, error }: LineEnd, livedMs: number, overPacket: Verdict<P> | undefined): Verdict<P> {
    const isSilent = how === 'closed' && error.code === 'CONNECTION_LOST' && error.reasonCode === undefined;
    const isEarly = isSilent && livedMs < EARLY_MS;
    if (!isEarly || (overPacket !== undefined && overPacket.kind !== 'packet')) this.#duelCloses = 0;
    if (overPacket !== undefined) return overPacket;
    if (isEarly) this.#duelCloses++;
    return this.#duelCloses < DUEL_CLOSES ? NETWORK : { kind: 'duplicateClientId', closes: this.#duelCloses };
  }

  /** A close over one suspect alone, or over nothing but filters while they are suspects. */
  #trial({ end: { unansweredFilters: filters }, publishes }: ClosedLine<P>): Verdict<P> | undefined {
    if (this.#inquiry === undefined || (filters.length > 0 && publishes.length > 0)) return undefined;
    if (filters.length > 0) return this.#filterTrial(filters);
    const [publish] = publishes;
    if (publish === undefined || publishes.length > 1 || !this.#inquiry.publishes.has(publish))
      return undefined;
    const closes = this.#countTrial(publish);
    if (closes < TRIALS) return PACKET;
    this.#convicted();
    return { kind: 'poisonPublish', publish, closes };
  }

  #filterTrial(filters: readonly string[]): Verdict<P> | undefined {
    if (this.#suspectFilters.size === 0) return undefined;
    const common = filters.filter((filter) => this.#suspectFilters.has(filter));
    const [filter] = common;
    if (filter === undefined) {
      // First over these filters and then over those: over none of them.
      this.#forgetFilters();
      return undefined;
    }
    const closes = this.#countTrial('filters');
    this.#suspectFiltersAre(common, filters.length);
    if (closes < TRIALS || filters.length > 1) return PACKET;
    this.#convicted();
    this.#forgetFilters();
    return { kind: 'poisonFilter', filter, closes };
  }

  /** It was the packet and not the line: the next trials need not be slow from the start. */
  #convicted(): void {
    this.#trials = undefined;
    this.#quietMs = LEAST_QUIET_MS;
  }

  #countTrial(over: P | 'filters'): number {
    const closes = this.#trials?.over === over ? this.#trials.closes + 1 : 1;
    this.#trials = { over, closes };
    return closes;
  }

  /** Compares what is open with what was open at the last close: what is in both is a suspect. */
  #suspicion({ end, publishes }: ClosedLine<P>): Verdict<P> | undefined {
    const { unansweredFilters: filters, error } = end;
    const suspects = publishes.filter((publish) => this.#lastPublishes?.has(publish));
    const suspectFilters = filters.filter((filter) => this.#lastFilters.has(filter));
    this.#lastPublishes = publishes.length === 0 ? undefined : new WeakSet(publishes);
    this.#lastFilters = filters.length === 0 ? NO_FILTERS : new Set(filters);
    if (suspects.length === 0 && suspectFilters.length === 0) {
      // MQTT 5 says of a packet that the policy denies what it says of a client: it is the packet, as long as there is one.
      const isDenied = error.code === 'NOT_AUTHORIZED' && publishes.length + filters.length > 0;
      return isDenied ? PACKET : undefined;
    }
    // Those of before too: they may not have had their turn.
    this.#suspects = new Set([...(this.#suspects ?? []), ...suspects]);
    if (suspectFilters.length > 0) this.#suspectFiltersAre(suspectFilters, filters.length);
    this.#trials = undefined;
    return PACKET;
  }

  /** @param asked how many were asked for at once when the line ended: the next lines ask for half of them */
  #suspectFiltersAre(filters: readonly string[], asked: number): void {
    this.#suspectFilters = filters.length === 0 ? NO_FILTERS : new Set(filters);
    const half = Math.max(1, Math.floor(Math.min(asked, ALL_FILTERS) / 2));
    this.#filtersPerSubscribe = filters.length === 0 ? ALL_FILTERS : half;
  }

  /** The line ended by itself: so may its predecessors have done. */
  #acquit(): void {
    this.#suspects = undefined;
    this.#lastPublishes = undefined;
    this.#trials = undefined;
    this.#forgetFilters();
  }

  #forgetFilters(): void {
    this.#suspectFiltersAre([], 0);
    this.#lastFilters = NO_FILTERS;
  }
}
