import type { QoS } from '../protocol/message.ts';

/**
 * One thing that happened to one message, in the order in which it happened. Sender's and receiver's lines belong in one
 * history; when they come from two logs, merge them by `t`.
 *
 * | op | who | meaning |
 * |---|---|---|
 * | `accepted` | sender | the call took the message: its place in the order is fixed, its sender will hear its end |
 * | `queued` | sender | it was told that the message is kept for later |
 * | `written` | sender | the message was put on the wire; once for each time |
 * | `received` | receiver | the message arrived; once for each time |
 * | `acknowledged` | sender | its PUBACK came |
 * | `delivered` | sender | it was told that the message is delivered (QoS 0: handed over) |
 * | `rejected` | sender | it was told why not; `outcomeUnknown` when it may have arrived all the same |
 *
 * A message that the broker refused was not `received`. A call that threw accepted nothing and leaves no line.
 */
export type HistoryLine =
  | { readonly t: number; readonly op: 'accepted'; readonly id: string; readonly qos?: QoS }
  | { readonly t: number; readonly op: 'rejected'; readonly id: string; readonly outcomeUnknown?: boolean }
  | { readonly t: number; readonly op: ToldOp; readonly id: string };

/** What needs no more than its name. */
export type ToldOp = 'queued' | 'written' | 'received' | 'acknowledged' | 'delivered';

/** What is wrong with a history. Every list is empty when nothing is. */
export interface HistoryReport {
  /** QoS 1: delivered or acknowledged, but never received. */
  readonly lost: readonly string[];
  /** Received more often than once, and how often it was written. See {@link HistoryRules.allowResends}. */
  readonly duplicated: readonly {
    readonly id: string;
    readonly received: number;
    readonly written: number;
  }[];
  /** QoS 1: first received after a message (`behind`) that was accepted later. */
  readonly reordered: readonly { readonly id: string; readonly behind: string }[];
  /** Has lines, but none of them says, before the others, that it was accepted. */
  readonly phantom: readonly string[];
  /** Accepted, but at the end neither delivered nor rejected. */
  readonly stranded: readonly string[];
  /** Its sender heard more than one end, or `queued` twice or after the end. */
  readonly toldTwice: readonly string[];
  /** Rejected as if it had not arrived, but it was received. */
  readonly misreported: readonly string[];
  /** Written after its sender had heard its end. */
  readonly revived: readonly string[];
}

/** What a history may have and still be clean. */
export interface HistoryRules {
  /**
   * At least once: a QoS 1 message may be received as often as it was written. A number is for a history that does not tell
   * what was written: so many receipts more than one each, of all QoS 1 messages together. QoS 0 may never be received twice.
   * Without it, every second receipt is reported.
   * @default false
   */
  readonly allowResends?: boolean | number;
}

/**
 * Judges what became of messages: nothing lost, doubled, out of order, invented or left without an answer.
 *
 * ```ts
 * const report = checkHistory(lines, { allowResends: true });
 * expect(report).toEqual(cleanHistory);
 * ```
 */
export function checkHistory(lines: readonly HistoryLine[], rules: HistoryRules = {}): HistoryReport {
  const fates = readFates(lines);
  const accepted = [...fates.values()].filter((fate) => fate.order !== undefined);
  const pick = (wrong: (fate: Fate) => boolean) => accepted.filter(wrong).map((fate) => fate.id);
  return {
    lost: pick((fate) => fate.qos === 1 && fate.received === 0 && (fate.delivered || fate.acknowledged)),
    duplicated: findDuplicated(accepted, rules).map(({ id, received, written }) => ({
      id,
      received,
      written,
    })),
    reordered: findReordered(accepted),
    phantom: [...fates.values()].filter((fate) => fate.isPhantom).map((fate) => fate.id),
    stranded: pick((fate) => fate.ends === 0),
    toldTwice: pick((fate) => fate.ends > 1 || fate.wasQueuedWrongly),
    misreported: pick((fate) => fate.rejectedAsUnsent && fate.received > 0),
    revived: pick((fate) => fate.writtenAfterEnd),
  };
}

/** The report of a history with which all is well. */
export const cleanHistory: HistoryReport = Object.freeze({
  lost: [],
  duplicated: [],
  reordered: [],
  phantom: [],
  stranded: [],
  toldTwice: [],
  misreported: [],
  revived: [],
});

/** What the lines tell about one message. */
interface Fate {
  readonly id: string;
  /** Its place in the order of the calls; undefined while nobody said that it was accepted. */
  order: number | undefined;
  qos: QoS;
  written: number;
  received: number;
  /** Number of the line that says that it was received. */
  firstReceived: number;
  queued: number;
  ends: number;
  delivered: boolean;
  acknowledged: boolean;
  rejectedAsUnsent: boolean;
  wasQueuedWrongly: boolean;
  writtenAfterEnd: boolean;
  isPhantom: boolean;
}

function readFates(lines: readonly HistoryLine[]): Map<string, Fate> {
  const fates = new Map<string, Fate>();
  for (const [number, line] of lines.entries()) {
    const fate = fates.get(line.id) ?? unknownFate(line.id);
    fates.set(line.id, fate);
    if (line.op !== 'accepted' && fate.order === undefined) fate.isPhantom = true;
    readLine(fate, line, number);
  }
  return fates;
}

function unknownFate(id: string): Fate {
  return {
    id,
    order: undefined,
    qos: 1,
    written: 0,
    received: 0,
    firstReceived: Number.POSITIVE_INFINITY,
    queued: 0,
    ends: 0,
    delivered: false,
    acknowledged: false,
    rejectedAsUnsent: false,
    wasQueuedWrongly: false,
    writtenAfterEnd: false,
    isPhantom: false,
  };
}

function readLine(fate: Fate, line: HistoryLine, number: number): void {
  switch (line.op) {
    case 'accepted':
      fate.order ??= number;
      fate.qos = line.qos ?? 1;
      return;
    case 'queued':
      fate.queued++;
      if (fate.queued > 1 || fate.ends > 0) fate.wasQueuedWrongly = true;
      return;
    case 'written':
      fate.written++;
      if (fate.ends > 0) fate.writtenAfterEnd = true;
      return;
    case 'received':
      fate.received++;
      fate.firstReceived = Math.min(fate.firstReceived, number);
      return;
    case 'acknowledged':
      fate.acknowledged = true;
      return;
    case 'delivered':
      fate.ends++;
      fate.delivered = true;
      return;
    case 'rejected':
      fate.ends++;
      if (line.outcomeUnknown !== true) fate.rejectedAsUnsent = true;
  }
}

function findDuplicated(accepted: readonly Fate[], { allowResends = false }: HistoryRules): readonly Fate[] {
  const repeated = accepted.filter((fate) => fate.received > 1);
  const resent = repeated.filter((fate) => fate.qos === 1);
  const resends = resent.reduce((sum, fate) => sum + fate.received - 1, 0);
  const isAllowed = (fate: Fate): boolean => {
    if (fate.qos === 0) return false;
    return typeof allowResends === 'number'
      ? resends <= allowResends
      : allowResends && fate.received <= fate.written;
  };
  return repeated.filter((fate) => !isAllowed(fate));
}

/** Walks QoS 1 in the order of first receipt, and keeps the latest of the calls that it has met. */
function findReordered(accepted: readonly Fate[]): HistoryReport['reordered'] {
  const arrived = accepted.filter((fate) => fate.qos === 1 && fate.received > 0);
  arrived.sort((a, b) => a.firstReceived - b.firstReceived);
  const reordered: { id: string; behind: string }[] = [];
  let latest: Fate | undefined;
  for (const fate of arrived) {
    if (latest !== undefined && (fate.order ?? 0) < (latest.order ?? 0))
      reordered.push({ id: fate.id, behind: latest.id });
    else latest = fate;
  }
  return reordered;
}
