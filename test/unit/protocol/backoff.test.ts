import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BackoffPolicy,
  backoffDelay,
  DEFAULT_BACKOFF,
  slowestDelay,
  validateBackoff,
} from '../../../src/protocol/backoff.ts';
import { MAX_DELAY_MS } from '../../../src/protocol/clock.ts';
import { errorOf } from './error-of.ts';

/** A policy in seconds, as the tables of the Python SDK give it, without jitter. */
function config(base: number, max: number, stable: number): BackoffPolicy {
  return {
    baseMs: base * 1_000,
    maxMs: max * 1_000,
    stableMs: stable * 1_000,
    jitter: 'none',
    firstRetryWithinMs: 0,
  };
}

/** The delays in seconds after failures number `from`, `from + 1`, … */
function delays(policy: BackoffPolicy, count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => backoffDelay(policy, from + i, () => 0.5) / 1_000);
}

const refusal = (policy: Record<keyof BackoffPolicy, unknown>) =>
  errorOf(() => validateBackoff(policy)).message;

/** Any valid policy. */
const anyPolicy: fc.Arbitrary<BackoffPolicy> = fc
  .tuple(
    fc.integer({ min: 1, max: 100_000 }),
    fc.nat(1e6),
    fc.nat(1e6),
    fc.constantFrom('equal', 'none'),
    fc.nat(1e6),
  )
  .map(([baseMs, above, stable, jitter, firstRetryWithinMs]) => ({
    baseMs,
    maxMs: baseMs + above,
    stableMs: baseMs + 1 + stable,
    jitter: jitter,
    firstRetryWithinMs,
  }));

const randomNumber = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the backoff law of the Python SDK', () => {
  it('py:B1 the first delay is 1 s by default', () => {
    expect(delays({ ...DEFAULT_BACKOFF, jitter: 'none' }, 1)).toEqual([1]);
  });

  it('py:B2 takes base 2, max 128, stable 30', () => {
    expect(() => validateBackoff(config(2, 128, 30))).not.toThrow();
  });

  it('py:B3 refuses negative times, each by its name', () => {
    expect(refusal(config(-10, 128, 30))).toMatch(
      /^reconnect\.baseMs must be .* from 0 to 2147483647; given: -10000$/,
    );
    expect(refusal(config(2, -11, 30))).toMatch(/^reconnect\.maxMs must be .*; given: -11000$/);
    expect(refusal(config(2, 128, -12))).toMatch(/^reconnect\.stableMs must be .*; given: -12000$/);
  });

  it('py:B4 refuses a base that is not below stable', () => {
    expect(refusal(config(200, 228, 30))).toBe(
      'reconnect.stableMs must be more than baseMs (200000); given: 30000',
    );
    expect(refusal(config(30, 128, 30))).toMatch('reconnect.stableMs must be more than baseMs (30000)');
    expect(refusal(config(200, 128, 30))).toMatch(/^reconnect\./);
  });

  it('py:B5 the second delay is twice the first, and the third twice the second', () => {
    expect(delays(config(1, 32, 20), 2, 1)).toEqual([2, 4]);
  });

  it('py:B6 after a stable line the count is 0 again, and so the delay the base', () => {
    expect(delays(config(1, 32, 5), 2)).toEqual([1, 2]);
    expect(delays(config(1, 32, 5), 1, 0)).toEqual([1]);
  });

  it('py:B7 after a line that was not stable the count goes on', () => {
    expect(delays(config(1, 32, 5), 2, 1)).toEqual([2, 4]);
  });

  it('py:B8 six failures wait 1, 2, 4, 8, 16, 32 and then 32 for ever', () => {
    expect(delays(config(1, 32, 20), 8)).toEqual([1, 2, 4, 8, 16, 32, 32, 32]);
  });

  it('py:B9 the law holds from the first failure on, also when the base is not 1', () => {
    expect(delays(config(4, 10, 20), 4)).toEqual([4, 8, 10, 10]);
  });

  it('py:B10 the law is the same after a stable line', () => {
    const policy = config(4, 10, 20);
    expect(delays(policy, 9)).toHaveLength(9);
    expect(delays(policy, 4)).toEqual([4, 8, 10, 10]);
  });

  it('py:B11 refuses a base of 0, which would be a hot loop', () => {
    expect(refusal(config(0, 32, 20))).toBe('reconnect.baseMs must be more than 0; given: 0');
  });

  it('py:B12 refuses a max below the base', () => {
    expect(refusal(config(10, 5, 20))).toBe('reconnect.maxMs must be at least baseMs (10000); given: 5000');
  });
});

describe('backoffDelay', () => {
  it('is the maximum however many failures there were', () => {
    for (const failures of [6, 31, 53, 1_023, 1_024, 10_000, Number.MAX_SAFE_INTEGER]) {
      expect(backoffDelay(config(1, 32, 20), failures, Math.random)).toBe(32_000);
    }
  });

  it("with jitter 'equal' draws from the upper half of the delay", () => {
    const drawn = (random: number) => backoffDelay(DEFAULT_BACKOFF, 3, () => random);
    expect([drawn(0), drawn(0.5), drawn(1)]).toEqual([4_000, 6_000, 8_000]);
  });

  it('spreads the first retry, and no other', () => {
    const policy = { ...config(1, 32, 20), firstRetryWithinMs: 60_000 };
    expect(backoffDelay(policy, 0, () => 0)).toBe(1_000);
    expect(backoffDelay(policy, 0, () => 0.5)).toBe(31_000);
    expect(backoffDelay(policy, 1, () => 0.5)).toBe(2_000);
    expect(slowestDelay(policy, () => 0.5)).toBe(32_000);
  });

  it('is within its bounds and within what a timer keeps, for every policy and every draw', () => {
    fc.assert(
      fc.property(anyPolicy, fc.nat(20_000), randomNumber, (policy, failures, random) => {
        validateBackoff(policy);
        const t = Math.min(policy.baseMs * 2 ** failures, policy.maxMs);
        const delay = backoffDelay(policy, failures, () => random);
        expect(delay).toBeGreaterThanOrEqual(policy.jitter === 'equal' ? t / 2 : t);
        expect(delay).toBeLessThanOrEqual(t + (failures === 0 ? policy.firstRetryWithinMs : 0));
        expect(delay).toBeLessThanOrEqual(MAX_DELAY_MS);
      }),
    );
  });

  it('never falls as failures add up', () => {
    fc.assert(
      fc.property(anyPolicy, fc.integer({ min: 1, max: 100 }), randomNumber, (policy, failures, random) => {
        const delay = (n: number) => backoffDelay(policy, n, () => random);
        expect(delay(failures + 1)).toBeGreaterThanOrEqual(delay(failures));
      }),
    );
  });

  it('asks only the randomness that it is given: the same draws, the same delays', () => {
    const policy = { ...DEFAULT_BACKOFF, firstRetryWithinMs: 5_000 };
    const run = () => {
      let seed = 1;
      const random = () => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed / 2_147_483_647;
      };
      return [0, 1, 2, 3].map((n) => backoffDelay(policy, n, random));
    };
    expect(run()).toEqual(run());
    expect(new Set(run()).size).toBe(4);
  });
});

describe('slowestDelay', () => {
  it('is the maximum, drawn like the others', () => {
    expect(slowestDelay(config(1, 32, 20), () => 0)).toBe(32_000);
    expect(slowestDelay(DEFAULT_BACKOFF, () => 0)).toBe(16_000);
    expect(slowestDelay(DEFAULT_BACKOFF, () => 0.5)).toBe(24_000);
  });
});

describe('validateBackoff', () => {
  it('takes the default, which nobody can change', () => {
    expect(() => validateBackoff(DEFAULT_BACKOFF)).not.toThrow();
    expect(DEFAULT_BACKOFF).toSatisfy(Object.isFrozen);
  });

  it.each(['baseMs', 'maxMs', 'stableMs', 'firstRetryWithinMs'])('refuses a %s that is no time', (key) => {
    for (const value of [undefined, null, '1000', Number.NaN, Number.POSITIVE_INFINITY, -1, 2 ** 31, 10n]) {
      const { code, message } = errorOf(() => validateBackoff({ ...DEFAULT_BACKOFF, [key]: value }));
      expect(code).toBe('INVALID_ARGUMENT');
      expect(message).toMatch(
        `reconnect.${key} must be a number of milliseconds from 0 to 2147483647; given: `,
      );
    }
  });

  it('refuses a first retry that no timer could wait for', () => {
    const spread = (firstRetryWithinMs: number) => ({ ...DEFAULT_BACKOFF, firstRetryWithinMs });
    expect(() => validateBackoff(spread(MAX_DELAY_MS - 1_000))).not.toThrow();
    expect(() => validateBackoff({ ...DEFAULT_BACKOFF, maxMs: MAX_DELAY_MS })).not.toThrow();
    expect(refusal(spread(MAX_DELAY_MS - 999))).toBe(
      'reconnect.firstRetryWithinMs must be at most 2147482647; given: 2147482648',
    );
  });

  it.each([undefined, 'full', true, ''])('refuses the jitter %s', (jitter) => {
    expect(refusal({ ...DEFAULT_BACKOFF, jitter })).toMatch(
      "reconnect.jitter must be 'equal' or 'none'; given: ",
    );
  });

  it('uses the name that it is told', () => {
    expect(errorOf(() => validateBackoff({ ...DEFAULT_BACKOFF, baseMs: 0 }, 'retry')).message).toMatch(
      'retry.baseMs must be more than 0',
    );
  });
});
