import { AWS_LIMITS } from './limits.ts';
import type { Caution, LineEnd } from './transport.ts';

/** What was open when a line ended. `P` is a publish: the same object as long as it is the same publish. */
export interface ClosedLine<P extends object> {
  readonly end: LineEnd;
  /** The QoS 1 publishes that this line carried and that had no PUBACK. */
  readonly publishes: readonly P[];
}

/** What a new line has to find out. The suspects among the publishes go one at a time, and nothing beside them. */
export interface Inquiry<P extends object> extends Caution {
  readonly publishes: ReadonlySet<P>;
}

/** Why a line was closed. `closes`: how often that was seen. */
export type Verdict<P extends object> =
  | { readonly kind: 'network' }
  | { readonly kind: 'duplicateClientId'; readonly closes: number }
  | { readonly kind: 'poisonPublish'; readonly publish: P; readonly closes: number }
  | { readonly kind: 'poisonFilter'; readonly filter: string; readonly closes: number };

/** A close sooner than this after CONNACK is early. As long as it takes, by default, until a line is stable. */
const EARLY_MS = 20_000;
/** So many early closes in a row over which nothing was left open: somebody else uses the client id. */
const DUEL_CLOSES = 3;
/** The close over the same sole packet that convicts it. */
const TRIALS = 3;
/** A line under inquiry is quiet for so many times as long as its predecessor lived: one that dies by itself dies then. */
const QUIET_FACTOR = 3;
const LEAST_QUIET_MS = 500;
const MOST_QUIET_MS = 30_000;
const ALL_FILTERS = AWS_LIMITS.filtersPerSubscribe;

const NETWORK = { kind: 'network' } as const;

/**
 * Tells who closes the lines. AWS IoT Core closes one without a word over a publish or a filter that the policy denies, and
 * when another client takes the client id; other brokers also over a publish that is too large. A client that then sends
 * the same again is closed again, for ever.
 *
 * A packet that had no answer at two closes in a row is a suspect. The next lines try it. Each first stays quiet, for longer
 * than its predecessor lived, and when it ends meanwhile, all are acquitted: it would have ended without them. Then filters are
 * asked for, by halves, and after them publishes go one at a time. The third close over the same sole packet convicts it. So a
 * line that flaps makes nothing poison: it would have to outlive each quiet time, and they grow, and then end each time before
 * one answer.
 *
 * When lines are closed early and nothing was open twice, another client with the same id is likely.
 */
export class EarlyCloseClassifier<P extends object> {
  readonly #now: () => number;
  #openedAt = 0;
  /** What the present line finds out; undefined on an ordinary one. */
  #inquiry: Inquiry<P> | undefined;
  /** What had no answer at the last close. */
  #lastPublishes: ReadonlySet<P> = new Set();
  #lastFilters: ReadonlySet<string> = new Set();
  #suspects: ReadonlySet<P> = new Set();
  /** Fewer than all: filters are suspects too. */
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
    this.#suspects = new Set([...this.#suspects].filter(isOpen));
    const filtersPerSubscribe = this.#filtersPerSubscribe;
    this.#inquiry =
      this.#suspects.size === 0 && filtersPerSubscribe === ALL_FILTERS
        ? undefined
        : { publishes: this.#suspects, filtersPerSubscribe, quietMs: this.#quietMs };
    return this.#inquiry;
  }

  /** An attempt ended before CONNACK: that is no other client, which would be let in as this one is. */
  failed(): void {
    this.#duelCloses = 0;
  }

  /** The line ended. */
  closed(line: ClosedLine<P>): Verdict<P> {
    const livedMs = this.#now() - this.#openedAt;
    const wasQuiet = this.#inquiry !== undefined && livedMs < this.#inquiry.quietMs;
    if (!wasQuiet && line.end.unansweredFilters.length === 0) this.#filtersPerSubscribe = ALL_FILTERS;
    if (line.end.how === 'givenUp') {
      this.#duelCloses = 0;
      return NETWORK;
    }
    this.#quietMs = Math.min(Math.max(livedMs * QUIET_FACTOR, LEAST_QUIET_MS), MOST_QUIET_MS);
    if (wasQuiet) this.#acquit();
    const verdict = wasQuiet ? undefined : (this.#trial(line) ?? this.#suspicion(line));
    if (verdict !== undefined) {
      this.#duelCloses = 0;
      return verdict;
    }
    return this.#duel(line.end, livedMs);
  }

  /** A close over one suspect alone, or over nothing but filters while they are suspects. */
  #trial({ end: { unansweredFilters: filters }, publishes }: ClosedLine<P>): Verdict<P> | undefined {
    if (this.#inquiry === undefined || (filters.length > 0 && publishes.length > 0)) return undefined;
    const [publish] = publishes;
    if (publish !== undefined && publishes.length === 1 && this.#inquiry.publishes.has(publish)) {
      const closes = this.#countTrial(publish);
      if (closes < TRIALS) return NETWORK;
      this.#trials = undefined;
      return { kind: 'poisonPublish', publish, closes };
    }
    const [filter] = filters;
    if (filter === undefined || this.#inquiry.filtersPerSubscribe === ALL_FILTERS) return undefined;
    const closes = this.#countTrial('filters');
    this.#filtersPerSubscribe = half(filters.length);
    if (closes < TRIALS || filters.length > 1) return NETWORK;
    this.#trials = undefined;
    this.#filtersPerSubscribe = ALL_FILTERS;
    return { kind: 'poisonFilter', filter, closes };
  }

  #countTrial(over: P | 'filters'): number {
    const closes = this.#trials?.over === over ? this.#trials.closes + 1 : 1;
    this.#trials = { over, closes };
    return closes;
  }

  /** Compares what is open with what was open at the last close: what is in both is a suspect. */
  #suspicion({ end: { unansweredFilters: filters }, publishes }: ClosedLine<P>): Verdict<P> | undefined {
    const suspects = publishes.filter((publish) => this.#lastPublishes.has(publish));
    const areFiltersSuspect = filters.some((filter) => this.#lastFilters.has(filter));
    this.#lastPublishes = new Set(publishes);
    this.#lastFilters = new Set(filters);
    if (suspects.length === 0 && !areFiltersSuspect) return undefined;
    this.#suspects = new Set(suspects);
    if (areFiltersSuspect) this.#filtersPerSubscribe = half(filters.length);
    this.#trials = undefined;
    return NETWORK;
  }

  /** The line ended by itself: so may its predecessors have done. */
  #acquit(): void {
    this.#suspects = new Set();
    this.#filtersPerSubscribe = ALL_FILTERS;
    this.#trials = undefined;
    this.#lastPublishes = new Set();
    this.#lastFilters = new Set();
  }

  #duel(end: LineEnd, livedMs: number): Verdict<P> {
    const isSilent = end.how === 'closed' && end.error.code === 'CONNECTION_LOST';
    this.#duelCloses = isSilent && livedMs < EARLY_MS ? this.#duelCloses + 1 : 0;
    if (this.#duelCloses < DUEL_CLOSES) return NETWORK;
    return { kind: 'duplicateClientId', closes: this.#duelCloses };
  }
}

function half(count: number): number {
  return Math.max(1, Math.floor(count / 2));
}
