import { vi } from 'vitest';

/** What was printed while it was watched. */
export interface Printed {
  /** Ends the watch. Returns what was printed. */
  stop(): readonly unknown[];
}

const METHODS = ['debug', 'error', 'info', 'log', 'warn'] as const;

/** Notes everything that goes to the console, to stdout or to stderr; it is printed all the same. */
export function watchPrinting(): Printed {
  const spies = [
    ...METHODS.map((method) => vi.spyOn(console, method)),
    vi.spyOn(process.stdout, 'write'),
    vi.spyOn(process.stderr, 'write'),
  ];
  return {
    stop: () =>
      spies.flatMap((spy) => {
        const printed: readonly unknown[] = spy.mock.calls.flat();
        spy.mockRestore();
        return printed.map((one) => (one instanceof Uint8Array ? Buffer.from(one).toString() : one));
      }),
  };
}
