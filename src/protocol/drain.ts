/** How what waited while there was no line is let go when there is one again. */
export interface DrainPolicy {
  /**
   * Messages a second, the first one at once. Default 2. Above 100 several go at each beat of 10 ms. `Infinity` lets
   * everything go at once.
   */
  readonly perSecond: number;
  /**
   * Whether each beat also lets one more go for each message that joined since the beat before, so that every drain
   * ends. Without it a drain that is slower than what is added never ends, and is reported. Default true.
   */
  readonly adaptive: boolean;
}

export const DEFAULT_DRAIN: DrainPolicy = Object.freeze({ perSecond: 2, adaptive: true });
