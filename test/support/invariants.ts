// What holds for every client after every test, whatever was done to it: the invariants I1 to I12 of the fault catalogue.
// Each says what is wrong, one line a breach, and nothing when all is well. (I1 is judged by tracked.ts; I2, no unhandled
// rejection, by the runner; I6, nothing left open, by setup.ts.)
import { inspect } from 'node:util';
import { IotError, type Status, type StatusState } from '../../src/index.ts';
import type { BackoffPolicy } from '../../src/protocol/backoff.ts';
import {
  checkHistory,
  cleanHistory,
  type HistoryLine,
  type HistoryReport,
} from '../../src/testing/history-checker.ts';

/** The status at one moment of the client's clock. */
export interface StatusSample {
  readonly at: number;
  readonly status: Status;
  /** How often networkOnline() was called until then: nothing else makes a client try before its time. */
  readonly nudges?: number;
}

/** The states that may follow each state. `closed` may follow all, and nothing follows it. */
const FOLLOWERS: Readonly<Record<StatusState, readonly StatusState[]>> = {
  idle: ['connecting'],
  connecting: ['resubscribing', 'backingOff', 'failed', 'idle'],
  resubscribing: ['draining', 'backingOff', 'failed', 'disconnecting', 'idle'],
  draining: ['live', 'backingOff', 'failed', 'disconnecting', 'idle'],
  live: ['backingOff', 'failed', 'disconnecting', 'idle'],
  backingOff: ['connecting', 'idle'],
  disconnecting: ['idle', 'backingOff', 'failed'],
  failed: ['connecting', 'idle'],
  closed: [],
};

/** I3, I12: what is wrong with the story that a status stream told from the beginning to the end of a client. */
export function untrueIn(told: readonly Status[]): string[] {
  const untrue: string[] = [];
  let before: Status = { state: 'idle', stable: false, queued: 0, inFlight: 0 };
  for (const status of told) {
    const isStabilityOnly = status.state === before.state && status.stable !== before.stable;
    const follows = status.state === 'closed' || FOLLOWERS[before.state].includes(status.state);
    if (before.state === 'closed' || !(follows || isStabilityOnly))
      untrue.push(`I12 the status went ${before.state} → ${status.state}`);
    before = status;
  }
  if (before.state !== 'closed') untrue.push(`I3 the last status is ${before.state}, not closed`);
  return untrue;
}

/**
 * I4: what is wrong with what became of messages. At least once: a resend is no breach. `revived` counts only where the
 * sender knew the outcome: what it gave up may be on its way, and QoS 0 is over when it is handed to the socket.
 */
export function unkeptIn(lines: readonly HistoryLine[]): string[] {
  const open = new Set(
    lines
      .filter((line) => (line.op === 'accepted' && line.qos === 0) || isOutcomeUnknown(line))
      .map(({ id }) => id),
  );
  const report = checkHistory(lines, { allowResends: true });
  const judged: HistoryReport = { ...report, revived: report.revived.filter((id) => !open.has(id)) };
  return Object.keys(cleanHistory).flatMap((name) => {
    const found = judged[name as keyof HistoryReport];
    return found.length === 0 ? [] : [`I4 ${name}: ${inspect(found, { breakLength: Infinity })}`];
  });
}

const isOutcomeUnknown = (line: HistoryLine): boolean =>
  line.op === 'rejected' && line.outcomeUnknown === true;

/** I5: one connection a client, at any time. */
export function strayConnections(mostOpen: number, clients: number): string[] {
  return mostOpen <= clients
    ? []
    : [`I5 ${mostOpen} connections were open at a time for ${clients} client(s)`];
}

/**
 * I7: the delays that the law of backoff does not know, and those that were announced and not kept.
 *
 * @param convictedAt When it was told which packet closed the lines: what came before is forgiven.
 */
export function unlawfulDelays(
  samples: readonly StatusSample[],
  policy: BackoffPolicy,
  toleranceMs = 1,
  convictedAt: readonly number[] = [],
): string[] {
  const unlawful: string[] = [];
  let failures = 0;
  let before: Status | undefined;
  let nudgesBefore = 0;
  for (const { at, status, nudges = 0 } of samples) {
    if (before?.state === 'backingOff' && status.state === 'connecting' && nudges === nudgesBefore) {
      const early = before.retryAt - at;
      if (early > toleranceMs) unlawful.push(`I7 tries ${early} ms before retryAt`);
    }
    nudgesBefore = nudges;
    if (status.stable || convictedAt.some((time) => Math.abs(time - at) <= toleranceMs)) failures = 0;
    if (status.state === 'backingOff' && !isSameWait(before, status)) {
      const delay = status.retryAt - at;
      const isLawful = lawfulDelays(policy, failures, before, status).some(
        ([least, most]) => delay >= least - toleranceMs && delay <= most + toleranceMs,
      );
      failures += 1;
      if (!isLawful) unlawful.push(`I7 waits for ${delay} ms after failure ${failures} (${codeOf(status)})`);
      if (status.attempt !== failures)
        unlawful.push(`I7 counts ${status.attempt} failures instead of ${failures}`);
    }
    before = status;
  }
  return unlawful;
}

type BackingOff = Extract<Status, { state: 'backingOff' }>;
type Range = readonly [least: number, most: number];

function isSameWait(before: Status | undefined, status: BackingOff): boolean {
  return before?.state === 'backingOff' && before.retryAt === status.retryAt;
}

/** The usual delay, the slow one where a person must mend something, none after a planned end. */
function lawfulDelays(
  policy: BackoffPolicy,
  failures: number,
  before: Status | undefined,
  { reason }: BackingOff,
): readonly Range[] {
  if (before?.state === 'disconnecting') return [[0, 0]];
  const drawn = (delay: number): Range => [policy.jitter === 'equal' ? delay / 2 : delay, delay];
  const slow = drawn(policy.maxMs);
  if (reason?.recovery === 'retrySlowly') return [slow];
  const [least, most] = drawn(Math.min(policy.baseMs * 2 ** failures, policy.maxMs));
  const usual: Range = [least, most + (failures === 0 ? policy.firstRetryWithinMs : 0)];
  return reason?.recovery === 'reauthenticate' ? [usual, slow] : [usual];
}

const codeOf = ({ reason }: BackingOff): string => reason?.code ?? 'no reason';

/** What the client has been given to send and that has not ended, at one moment. */
export interface Backlog {
  readonly state: StatusState;
  readonly messages: number;
  readonly bytes: number;
}

/**
 * I9: bounds hold for what is added while the line is not live. What a live line leaves behind when it breaks may be more:
 * so much is allowed beside them until it is gone.
 */
export function overfull(
  backlogs: readonly Backlog[],
  bounds: { readonly maxMessages: number; readonly maxBytes: number },
): string[] {
  let left = { messages: 0, bytes: 0 };
  for (const { state, messages, bytes } of backlogs) {
    if (state === 'live') left = { messages, bytes };
    else if (messages > bounds.maxMessages + left.messages)
      return [`I9 ${messages} messages wait while ${state}: at most ${bounds.maxMessages + left.messages}`];
    else if (bytes > bounds.maxBytes + left.bytes)
      return [`I9 ${bytes} bytes wait while ${state}: at most ${bounds.maxBytes + left.bytes}`];
  }
  return [];
}

/** I8: each filter of a subscription is at the broker, and no filter is there that the client does not want. */
export function strayFilters(
  held: readonly string[],
  wanted: readonly string[],
  effective: readonly string[],
): string[] {
  return [
    ...held.filter((filter) => !effective.includes(filter)).map((filter) => `I8 ${filter} is not subscribed`),
    ...effective
      .filter((filter) => !wanted.includes(filter))
      .map((filter) => `I8 ${filter} is still subscribed`),
  ];
}

/** I10: what shows a secret, of everything that a client showed. The secret itself is not repeated. */
export function leaksIn(shown: readonly unknown[], secrets: readonly string[]): string[] {
  if (secrets.length === 0) return [];
  return shown.flatMap((value, index) => {
    const text = everythingIn(value);
    const leak = secrets.findIndex((secret) => text.includes(secret));
    return leak === -1 ? [] : [`I10 secret ${leak} is in ${kindOf(value)}, the ${index + 1}th thing shown`];
  });
}

/** All that printing, serialising and walking a value shows. */
function everythingIn(value: unknown): string {
  const texts = [inspect(value, { depth: 6, maxArrayLength: 1_000, maxStringLength: null })];
  try {
    texts.push(JSON.stringify(value));
  } catch (error) {
    texts.push(inspect(error));
  }
  return [...texts, ...textsIn(value)].join('\n');
}

/** Every text, and bytes as text, that can be reached without calling anything, however deep. */
function textsIn(root: unknown): string[] {
  const texts: string[] = [];
  const seen = new Set<unknown>([root]);
  // A set goes on to what is added while it is walked.
  for (const value of seen) {
    if (typeof value === 'string') texts.push(value);
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) continue;
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) texts.push(asText(value));
    else for (const part of partsOf(value)) seen.add(part);
  }
  return texts;
}

function partsOf(value: object): unknown[] {
  const own = Object.values(Object.getOwnPropertyDescriptors(value)).map((each) => each.value as unknown);
  const names = Reflect.ownKeys(value).map((key) => (typeof key === 'symbol' ? key.description : key));
  const entries = value instanceof Map || value instanceof Set ? [...value.entries()].flat() : [];
  return [...names, ...own, ...entries];
}

function asText(bytes: ArrayBufferView | ArrayBuffer): string {
  const buffer = ArrayBuffer.isView(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : Buffer.from(bytes);
  return buffer.toString();
}

function kindOf(value: unknown): string {
  if (IotError.is(value)) return `an error ${value.code}`;
  return typeof value === 'object' && value !== null ? `a ${value.constructor.name}` : `a ${typeof value}`;
}

/** One event that a client emitted; of a status its state. */
export interface Emission {
  readonly event: string;
  readonly state?: StatusState;
}

/** I11: what was emitted when the end had been told. */
export function emittedAfterClosed(emissions: readonly Emission[]): string[] {
  const end = emissions.findIndex(({ state }) => state === 'closed');
  if (end === -1) return [];
  return emissions.slice(end + 1).map(({ event }) => `I11 ${event} was emitted after closed`);
}
