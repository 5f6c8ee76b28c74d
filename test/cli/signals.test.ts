import { expect, test, vi } from 'vitest';
import { untilInterrupted } from '../../src/cli/signals.ts';

const never = (signal: AbortSignal): Promise<number> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));

test('without an interrupt the end is that of the run', async () => {
  const told = vi.fn();
  await expect(untilInterrupted(async () => 7, told)).resolves.toBe(7);
  await expect(untilInterrupted(async () => Promise.reject(new Error('broken')), told)).rejects.toThrow(
    'broken',
  );
  expect(told).not.toHaveBeenCalled();
});

test('a second Ctrl-C ends the process at once, but one keystroke that comes twice is one', async () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const now = vi.spyOn(performance, 'now').mockReturnValue(1_000);
  const told = vi.fn();
  let end = (): void => {};
  const cleanUp = new Promise<number>((resolve) => {
    end = () => resolve(0);
  });
  const before = process.listenerCount('SIGINT');
  const run = untilInterrupted(() => cleanUp, told);
  process.emit('SIGINT', 'SIGINT');
  now.mockReturnValue(1_010);
  process.emit('SIGINT', 'SIGINT');
  expect(exit).not.toHaveBeenCalled();
  now.mockReturnValue(2_000);
  process.emit('SIGINT', 'SIGINT');
  expect(exit).toHaveBeenCalledWith(130);
  end();
  await expect(run).resolves.toBe(130);
  expect(told.mock.calls).toEqual([['SIGINT']]);
  expect(process.listenerCount('SIGINT')).toBe(before);
});

test.each([
  { isTTY: true, signal: 'SIGHUP', exitCode: 129, title: 'a terminal that is closed ends it' },
  { isTTY: false, signal: 'SIGTERM', exitCode: 143, title: 'without one SIGHUP is left to `nohup`' },
] as const)('$title', async ({ isTTY, signal, exitCode }) => {
  const before = process.stdout.isTTY;
  const had = process.listenerCount('SIGHUP');
  process.stdout.isTTY = isTTY;
  try {
    const run = untilInterrupted(never, () => {});
    expect(process.listenerCount('SIGHUP') - had).toBe(isTTY ? 1 : 0);
    process.emit(signal, signal);
    await expect(run).resolves.toBe(exitCode);
    expect(process.listenerCount('SIGHUP')).toBe(had);
  } finally {
    process.stdout.isTTY = before;
  }
});

test('an interrupted run frees what it holds, and its error is no error', async () => {
  const run = untilInterrupted(never, () => {});
  process.emit('SIGTERM', 'SIGTERM');
  await expect(run).resolves.toBe(143);
});
