import type { Clock, Timer } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';
import { atEndOfTurn } from './end-of-turn.ts';

/** How often to ping and how long to wait, all by `clock`. */
export interface KeepAliveOptions {
  readonly clock: Clock;
  /** Ping after this long without an outbound packet, or without a byte from the broker; 0 switches these pings off. */
  readonly keepAliveSeconds: number;
  /** How long after a ping the line may stay mute. */
  readonly pingTimeoutMs: number;
  /** A publish without PUBACK for this long makes the line suspect; for {@link PUBACK_PATIENCE} times as long ends it. */
  readonly operationTimeoutMs: number;
}

/**
 * The keep-alive to ping by, when the broker wants one too; 0 is none at all. Not a longer one than ours: it says when the
 * broker drops us, and ours says how soon we want to know that the line is dead.
 */
export const shorterInterval = (ours: number, theirs = 0): number => Math.min(ours || theirs, theirs || ours);

/** A publish that has no PUBACK yet. */
export interface SentForAnswer {
  readonly sentAt: number;
}

/** The line, as the keep-alive sees it. */
export interface WatchedLine {
  /** A number that changes whenever bytes come from the broker: that is life. */
  progress(): number;
  sendPing(): void;
  /** The oldest publish that still has no PUBACK, the same object as long as it is that; undefined when there is none. */
  oldestUnacknowledged(): SentForAnswer | undefined;
  /** At most so many bytes of publishes are still under way: no PUBACK has come for them, or the socket has not taken them. */
  bytesUnderWay(): number;
  /** What the socket does not take at present, because it is full. */
  waitingBytes(): number;
  /** A number that grows when the socket takes bytes. */
  takenBytes(): number;
  /** The line is dead. */
  giveUp(error: IotError): void;
}

/** A ping that waits for its verdict, and whether the line has lived since it went out. */
interface Pinged {
  readonly timer: Timer;
  readonly hasLived: () => boolean;
}

/** The broker drops a client that was mute for one and a half keep-alives (MQTT 3.1.1 [MQTT-3.1.2-24]). */
const BROKER_PATIENCE = 1.5;

/**
 * A PUBACK that has not come after so many `operationTimeoutMs` never will: AWS discards publishes beyond its limits without
 * a word and goes on answering pings (https://docs.aws.amazon.com/general/latest/gr/iot-core.html). Only a new line gets
 * such a publish sent again. Six, so that a slow broker is asked a few times before, and 30 s by default, a keep-alive.
 */
const PUBACK_PATIENCE = 6;

/**
 * A slow uplink is no death (fault:A-15): a ping, and the publish whose PUBACK is missed, may stand behind all that is under
 * way. This is the slowest uplink that counts as one, about what a GSM call carries; a modem or a congested cell is above
 * it, and on a slower one only a longer `pingTimeoutMs` helps.
 */
const SLOWEST_UPLINK_BYTES_PER_SECOND = 1_000;
/**
 * Nor is waited for more than this at a time, the largest payload that AWS takes; or for longer than the broker would
 * ({@link BROKER_PATIENCE}): after that it has dropped the line anyway.
 */
const MOST_UNDER_WAY_BYTES = AWS_LIMITS.payloadBytes;

/**
 * Watches one live line. Pings when nothing was sent for the keep-alive, whatever is received; when nothing was received
 * for it, whatever is sent (publishes of QoS 0 into a dead line would else hide its death for a quarter of an hour, until
 * TCP gives up); and at once when a PUBACK is overdue. Gives the line up when after a ping no byte comes and none is taken by
 * a socket that was full, and when a PUBACK does not come although pings are answered. On the fast path it costs one reading
 * of the clock a packet: its timers are never moved, they look when they fire and wait for the rest.
 */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  readonly #line: WatchedLine;
  readonly #keepAliveMs: number;
  readonly #mostUnderWayMs: number;
  #lastSentAt: number;
  /** The progress that was seen last, and when it was first seen. */
  #heard: { readonly progress: number; readonly at: number };
  #idleTimer: Timer;
  #operationTimer: Timer;
  /** The publish that was the oldest when it was last looked, and the earliest time at which it can have become that. */
  #oldest: { readonly publish: SentForAnswer; readonly since: number } | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** The ping that waits for its verdict. */
  #pinged: Pinged | undefined;
  /** A verdict waits for what has come and is unread. */
  #isJudging = false;
  #stopped = false;

  /** Starts watching. The CONNECT counts as the first packet. */
  constructor(options: KeepAliveOptions, line: WatchedLine) {
    this.#options = options;
    this.#line = line;
    this.#keepAliveMs = options.keepAliveSeconds * 1_000;
    this.#mostUnderWayMs =
      this.#keepAliveMs > 0 ? this.#keepAliveMs * BROKER_PATIENCE : Number.POSITIVE_INFINITY;
    this.#lastSentAt = options.clock.now();
    this.#heard = { progress: line.progress(), at: this.#lastSentAt };
    if (this.#keepAliveMs > 0) this.#waitUntilIdle(this.#keepAliveMs);
  }

  /** A packet went out. Returns the time of it. */
  sent(): number {
    this.#lastSentAt = this.#options.clock.now();
    return this.#lastSentAt;
  }

  /** A packet went out for which a PUBACK must come. Returns the time of it. */
  sentForAnswer(): number {
    if (this.#operationTimer === undefined && !this.#stopped)
      this.#waitForAnswer(this.#options.operationTimeoutMs);
    return this.sent();
  }

  /** Ends all watching; no timer is left. Calling it twice is harmless. */
  stop(): void {
    this.#stopped = true;
    const { clock } = this.#options;
    for (const timer of [this.#idleTimer, this.#operationTimer]) {
      if (timer !== undefined) clock.clearTimeout(timer);
    }
    this.#forgetPing();
  }

  #waitUntilIdle(delayMs: number): void {
    this.#idleTimer = this.#options.clock.setTimeout(() => this.#lookWhetherIdle(), delayMs);
  }

  #lookWhetherIdle(): void {
    const now = this.#options.clock.now();
    const progress = this.#line.progress();
    if (progress !== this.#heard.progress) this.#heard = { progress, at: now };
    const idleMs = now - this.#lastSentAt;
    const quietMs = Math.max(idleMs, now - this.#heard.at);
    if (quietMs < this.#keepAliveMs) {
      this.#waitUntilIdle(this.#keepAliveMs - quietMs);
      return;
    }
    this.#waitUntilIdle(this.#keepAliveMs);
    // A ping without an answer has its verdict, which counts. One that was answered long before that is not the last.
    if (this.#pinged?.hasLived() === false) return;
    this.#forgetPing();
    if (idleMs < this.#keepAliveMs * BROKER_PATIENCE) this.#ping();
    else this.#judgeLifeAfterReads(this.#mark(), () => this.#ping(), overslept(idleMs));
  }

  #waitForAnswer(delayMs: number): void {
    const { clock } = this.#options;
    const dueAt = clock.now() + delayMs;
    this.#operationTimer = clock.setTimeout(() => this.#lookForAnswer(clock.now() - dueAt), delayMs);
  }

  #lookForAnswer(lateMs: number): void {
    this.#operationTimer = undefined;
    const publish = this.#line.oldestUnacknowledged();
    if (publish === undefined) return;
    const { clock, operationTimeoutMs } = this.#options;
    const now = clock.now();
    const oldestForMs = now - this.#oldestSince(publish, now);
    const leftMs = operationTimeoutMs * PUBACK_PATIENCE + this.#underWayMs() - oldestForMs;
    const waitedMs = now - publish.sentAt;
    if (waitedMs < operationTimeoutMs) {
      this.#waitForAnswer(operationTimeoutMs - waitedMs);
      return;
    }
    this.#waitForAnswer(leftMs > 0 ? Math.min(operationTimeoutMs, leftMs) : operationTimeoutMs);
    // When this look is late itself, it was this process that slept, perhaps with the publish still unsent: it looks again.
    if (leftMs <= 0 && lateMs < operationTimeoutMs) this.#judgeAnswerAfterReads(publish, waitedMs);
    else this.#ping();
  }

  /**
   * Since when this publish has been the oldest. Only that counts: of many that were written together the last may have to
   * wait for long on a slow uplink, while one PUBACK after the other comes.
   */
  #oldestSince(publish: SentForAnswer, now: number): number {
    if (this.#oldest?.publish !== publish)
      this.#oldest = { publish, since: Math.max(publish.sentAt, this.#lookedAt) };
    this.#lookedAt = now;
    return this.#oldest.since;
  }

  /** Sends a ping, unless one is waiting for its verdict. */
  #ping(): void {
    if (this.#pinged !== undefined || this.#isJudging) return;
    const hasLived = this.#mark();
    const timeoutMs = this.#options.pingTimeoutMs + this.#underWayMs();
    const timer = this.#options.clock.setTimeout(() => {
      this.#pinged = undefined;
      this.#judgeLifeAfterReads(hasLived, () => this.#pingIfIdle(), mute(timeoutMs));
    }, timeoutMs);
    this.#pinged = { timer, hasLived };
    this.sent();
    this.#line.sendPing();
  }

  #forgetPing(): void {
    if (this.#pinged !== undefined) this.#options.clock.clearTimeout(this.#pinged.timer);
    this.#pinged = undefined;
  }

  /** After a verdict that took long: the next look would take so long a silence for a sleep. */
  #pingIfIdle(): void {
    const idleMs = this.#options.clock.now() - this.#lastSentAt;
    if (this.#keepAliveMs > 0 && idleMs >= this.#keepAliveMs) this.#ping();
  }

  /** How long what is under way may take on the slowest uplink, in whole seconds: less is what the timeouts are for. */
  #underWayMs(): number {
    const bytes = Math.min(this.#line.bytesUnderWay(), MOST_UNDER_WAY_BYTES);
    const seconds = Math.floor(bytes / SLOWEST_UPLINK_BYTES_PER_SECOND);
    return Math.min(seconds * 1_000, this.#mostUnderWayMs);
  }

  /**
   * What it returns says whether the line has lived since: bytes came, or a socket that was full has taken more. One with room
   * takes bytes for a dead line too, for a long time; a full one only when the other side reads. Node tells that when a whole
   * write has been taken: a single huge publish that takes longer than the timeouts is not seen to progress.
   */
  #mark(): () => boolean {
    const line = this.#line;
    const heard = line.progress();
    const taken = line.takenBytes();
    const wasFull = line.waitingBytes() > 0;
    return () => line.progress() !== heard || (wasFull && line.takenBytes() > taken);
  }

  /** Gives the line up unless it has lived. */
  #judgeLifeAfterReads(hasLived: () => boolean, alive: () => void, death: string): void {
    this.#judgeAfterReads(() => {
      if (hasLived()) alive();
      else this.#line.giveUp(new IotError('PING_TIMEOUT', death));
    });
  }

  /** Gives the line up unless this publish has its PUBACK by then. */
  #judgeAnswerAfterReads(publish: SentForAnswer, waitedMs: number): void {
    this.#judgeAfterReads(() => {
      if (this.#line.oldestUnacknowledged() === publish)
        this.#line.giveUp(new IotError('OPERATION_TIMEOUT', unacknowledged(waitedMs)));
    });
  }

  /**
   * Node fires timers before it reads sockets, so after a blocked event loop or a sleep the answer may be here already,
   * unread: a verdict waits until sockets have been read. That takes two turns: the first may be the end of a turn whose
   * reads are over.
   */
  #judgeAfterReads(judge: () => void): void {
    if (this.#isJudging) return;
    this.#isJudging = true;
    const verdict = (): void => {
      this.#isJudging = false;
      if (!this.#stopped) judge();
    };
    atEndOfTurn(() => atEndOfTurn(verdict));
  }
}

const mute = (ms: number): string => `the broker sent nothing within ${ms} ms after a ping`;
const unacknowledged = (ms: number): string =>
  `the broker answers, but did not acknowledge a publish for ${ms} ms: it is sent again on a new connection`;
const overslept = (ms: number): string =>
  `this process could send nothing for ${ms} ms (sleep, or a blocked event loop): the broker has dropped the connection`;
