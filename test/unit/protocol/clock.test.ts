import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_DELAY_MS, systemClock } from '../../../src/protocol/clock.ts';

describe('the clock of the process', () => {
  it('tells the milliseconds since the epoch', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(60_000);
    expect(systemClock.now()).toBeLessThanOrEqual(systemClock.now());
  });

  describe('its timers', () => {
    beforeEach(() => void vi.useFakeTimers());

    it('fire once, after their delay, unless they were ended', () => {
      const [fired, ended] = [vi.fn(), vi.fn()];
      systemClock.setTimeout(fired, 1_000);
      systemClock.clearTimeout(systemClock.setTimeout(ended, 1_000));
      vi.advanceTimersByTime(999);
      expect(fired).not.toHaveBeenCalled();
      vi.advanceTimersByTime(5_000);
      expect(fired).toHaveBeenCalledTimes(1);
      expect(ended).not.toHaveBeenCalled();
    });

    it('fire late rather than at once when no timer can wait for so long', () => {
      const fired = vi.fn();
      systemClock.setTimeout(fired, Number.POSITIVE_INFINITY);
      vi.advanceTimersByTime(MAX_DELAY_MS - 1);
      expect(fired).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(fired).toHaveBeenCalledTimes(1);
    });
  });

  it('lets the process end, where there is one, although a timer is to come', () => {
    const timer = systemClock.setTimeout(() => {}, 60_000) as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(true);
    systemClock.unref?.(timer);
    expect(timer.hasRef()).toBe(false);
    systemClock.clearTimeout(timer);
    // The timers of a browser are numbers.
    expect(() => systemClock.unref?.(7)).not.toThrow();
  });
});
