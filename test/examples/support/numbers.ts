/** The numbers that follow these words at the beginning of a line. */
export function numbersAfter(words: string, output: string): number[] {
  return [...output.matchAll(new RegExp(`^${words} (\\d+)`, 'gm'))].map(([, number]) => Number(number));
}

/** 1, 2, 3 … */
export function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
