import type { IotError, IotErrorCode } from '../protocol/errors.ts';
import { REJECTION_CODES } from '../protocol/shadow-rejection.ts';
import type { DeviceShadowContext, EarlyUpdate, ShadowVersions } from './device-shadow.types.ts';
import type { ShadowOutcome } from './shadow-operation.types.ts';

/** Nothing is known: the next version may be any. */
export const UNKNOWN: ShadowVersions = Object.freeze({
  copy: undefined,
  delta: undefined,
  documents: undefined,
});

/** So many updates may come while the document is asked for; at 20 a second, AWS's limit, that is more than a second. */
const EARLY_UPDATES = 32;
/** Asked again, it would be refused again, and over some of these AWS closes the connection. */
const REFUSALS: ReadonlySet<IotErrorCode> = new Set([
  'SUBSCRIPTION_REFUSED',
  'TOO_MANY_SUBSCRIPTIONS',
  'POISON_SUBSCRIPTION',
  'POISON_PUBLISH',
]);

/** Keeps an update that came before the document that it follows. */
export function keepEarly(early: readonly EarlyUpdate[], update: EarlyUpdate): readonly EarlyUpdate[] {
  const others = early.filter(({ version }) => version !== update.version);
  return [...others, update].sort((a, b) => a.version - b.version).slice(-EARLY_UPDATES);
}

/** Those of the early updates that come right after this version, without a gap. */
export function following(early: readonly EarlyUpdate[], version: number): readonly EarlyUpdate[] {
  const newer = early.filter((one) => one.version > version);
  const gap = newer.findIndex((one, index) => one.version !== version + 1 + index);
  return gap === -1 ? newer : newer.slice(0, gap);
}

type Knowledge = Pick<DeviceShadowContext, 'versions' | 'early' | 'seen' | 'isDoubtful'>;

/** The copy has this version now, and what follows it. */
export function takeVersion(
  { versions, early }: Pick<Knowledge, 'versions' | 'early'>,
  version: number,
): Pick<Knowledge, 'versions' | 'early'> {
  const copy = version + following(early, version).length;
  return { versions: { ...versions, copy }, early: early.filter((one) => one.version > copy) };
}

/**
 * What the end of the shadow's own get says of the copy. The service knew all that had come before it was asked, so what matters is
 * what has come since: answers and messages overtake one another.
 *
 * - `current`: the copy is what AWS has
 * - `restarted`: what was known is newer than all there is, so the shadow was deleted and made anew, and nobody saw it
 * - `refused`: it must not be asked for
 * - `unclear`: ask again
 */
export type Verdict = 'current' | 'restarted' | 'refused' | 'unclear';

export function judge(knowledge: Knowledge, outcome: ShadowOutcome): Verdict {
  // What came since may be newer than the answer: it may have been made meanwhile.
  if (isMissing(outcome)) return knowledge.seen === undefined ? 'current' : 'unclear';
  if (outcome.type === 'accepted') return judgeAnswer(knowledge, outcome.version ?? 0);
  return outcome.type === 'failed' && REFUSALS.has(outcome.error.code) ? 'refused' : 'unclear';
}

function judgeAnswer({ versions, early, seen = 0, isDoubtful }: Knowledge, answered: number): Verdict {
  const { copy, delta = 0, documents = 0 } = versions;
  if (isDoubtful || early.length > 0 || copy === undefined) return 'unclear';
  if (Math.max(copy, delta, documents) > Math.max(answered, seen)) return 'restarted';
  // The document that was the answer has not been told.
  return copy < answered ? 'unclear' : 'current';
}

/** Why the document could not be had; that there is none is an answer. */
export function failureOf(outcome: ShadowOutcome): IotError | undefined {
  return outcome.type === 'accepted' || isMissing(outcome) ? undefined : outcome.error;
}

function isMissing(outcome: ShadowOutcome): boolean {
  return outcome.type === 'rejected' && outcome.error.reasonCode === REJECTION_CODES.notFound;
}
