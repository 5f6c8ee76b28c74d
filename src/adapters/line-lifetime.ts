const MINUTE_MS = 60_000;
const LIMIT_MARGIN_MS = 10 * MINUTE_MS;
/** The AWS SDK renews its own keys within five minutes of their end: asked sooner, it gives the same again. */
const EXPIRY_MARGIN_MS = 4 * MINUTE_MS;
/** Keys that are as good as over would renew the line without a pause, if that is all that their provider gives. */
const SHORTEST_MS = 1_000;

/** How long a line may last that AWS ends after so long. */
export const lifetimeWithin = (limitMs: number): number => limitMs - LIMIT_MARGIN_MS;

/** How long it may last when its keys end too, in so many milliseconds. */
export function lifetimeOfKeys(limitMs: number, leftMs: number): number {
  const untilExpiry = leftMs - Math.min(EXPIRY_MARGIN_MS, leftMs / 5);
  return Math.max(SHORTEST_MS, Math.min(lifetimeWithin(limitMs), untilExpiry));
}
