// @ts-check

/**
 * One of them, each as often as its weight says.
 *
 * @template T
 * @param {readonly (readonly [weight: number, what: T])[]} choices at least one
 * @param {() => number} random
 * @returns {T}
 */
export function drawn(choices, random) {
  let left = random() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, what] of choices) {
    left -= weight;
    if (left < 0) return what;
  }
  throw new RangeError('there is nothing to draw');
}
