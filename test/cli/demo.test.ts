import { beforeAll, describe, expect, test } from 'vitest';
import { type ProgramEnd, runProgram, startProgram } from '../support/run-program.ts';

const MAIN = 'dist/cli/main.js';

describe('the story', () => {
  let end: ProgramEnd;
  let tookMs: number;

  beforeAll(async () => {
    const start = performance.now();
    end = await runProgram(MAIN, ['demo']);
    tookMs = performance.now() - start;
  }, 30_000);

  test('ends well, and in time', () => {
    expect(end).toMatchObject({ exitCode: 0, stderr: '' });
    expect(tookMs).toBeLessThan(30_000);
  });

  test('has lost nothing, and sums what it shows', () => {
    const sum = (name: string): number =>
      Number(new RegExp(`^ {2}${name} +(\\d+)`, 'm').exec(end.stdout)?.[1]);
    const shown = (arrow: string): number => end.stdout.match(new RegExp(`${arrow} #`, 'g'))?.length ?? 0;
    expect(sum('lost')).toBe(0);
    expect(sum('out of order')).toBe(0);
    expect(sum('sent')).toBe(sum('received'));
    expect(sum('queued')).toBeGreaterThan(3);
    expect(shown('↑')).toBe(sum('queued'));
    expect(shown('↓') + shown('↕')).toBe(sum('received') + sum('duplicated'));
  });

  test('goes through the states of the machine, and shows each delay', () => {
    const states = [...end.stdout.matchAll(/● (\w+) {2,}/g)].map(([, state]) => state);
    const wayThere = ['connecting', 'resubscribing', 'draining', 'live'];
    expect(states.slice(0, 5)).toEqual([...wayThere, 'backingOff']);
    expect(states.slice(-6)).toEqual([...wayThere, 'disconnecting', 'closed']);
    const delays = [...end.stdout.matchAll(/waits ([\d.]+ m?s), drawn from (.*)/g)].map(
      ([, , range]) => range,
    );
    expect(delays.slice(0, 4)).toEqual([
      '125 ms to 250 ms',
      '250 ms to 500 ms',
      '500 ms to 1 s',
      '1 s to 2 s',
    ]);
    expect(delays).toHaveLength(states.filter((state) => state === 'backingOff').length);
    expect(end.stdout).toContain('stable: the line has lasted 3 s');
  });

  test('ends with a shadow that is in sync, though the lamp had no line when it was changed', () => {
    const scene = end.stdout.slice(end.stdout.indexOf('▲ app'));
    const shown = [...scene.matchAll(/([◇◆]) v(\d+) +\w+ +(\{.*\})/g)].map(([, ...parts]) => parts.join(' '));
    expect(shown).toEqual([
      '◇ 1 {"light":"on","brightness":80}',
      '◆ 2 {"light":"on","brightness":80}',
      '◇ 3 {"brightness":20}',
      '◆ 4 {"brightness":20}',
    ]);
    const [away = '', back = ''] = scene.split('gives the line back');
    expect(away).toContain('desires {"brightness":20} while the lamp is away');
    expect(back).toMatch(/● connecting[\s\S]*● live[\s\S]*◆ v4/);
    expect(end.stdout).toMatch(/^ {2}shadow +in sync /m);
    expect(end.stdout).toContain('✔ nothing was lost, everything came in order, and the shadow is in sync');
  });

  test('says that its times are shortened', () => {
    expect(end.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'The times are shortened: backoff 250 ms to 2 s instead of 1 s to 32 s',
    );
  });

  test('is plain lines in a pipe, none wider than 80 columns', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    expect(end.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(Math.max(...end.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe('being ended', () => {
  test.each([
    ['SIGINT', 'backingOff', 130],
    ['SIGINT', 'listens on', 130],
    ['SIGTERM', 'live', 143],
  ] as const)('%s while it shows %s frees everything', async (signal, text, exitCode) => {
    const program = startProgram(MAIN, ['demo']);
    await program.shows(text);
    program.kill(signal);
    const end = await program.end;
    expect(end).toMatchObject({ exitCode, signal: null, stderr: '' });
    expect(end.stdout).toContain(`${signal}: closing`);
    expect(end.stdout).toMatch(/● closed .*\n$/);
  });

  test('a reader that goes away ends it without a word', async () => {
    const program = startProgram(MAIN, ['demo']);
    await program.shows('connecting');
    program.stopReading();
    expect(await program.end).toMatchObject({ exitCode: 141, stderr: '' });
  });
});
