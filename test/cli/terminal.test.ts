import tty from 'node:tty';
import { describe, expect, test, vi } from 'vitest';
import { duration, Terminal, wrap } from '../../src/cli/terminal.ts';

function terminalWith(columns: number): { terminal: Terminal; written: () => string } {
  const write = vi.fn();
  const stream = Object.create(tty.WriteStream.prototype, {
    isTTY: { value: true },
    columns: { value: columns },
    write: { value: write },
  }) as tty.WriteStream;
  return { terminal: new Terminal(stream), written: () => write.mock.calls.flat().join('') };
}

describe('colours', () => {
  test('are for a terminal that has them', () => {
    vi.stubEnv('NO_COLOR', undefined);
    vi.stubEnv('FORCE_COLOR', undefined);
    vi.stubEnv('CI', undefined);
    vi.stubEnv('TERM', 'xterm-256color');
    expect(terminalWith(80).terminal.style(['bold', 'red'], 'no')).toBe(
      '\u001b[1m\u001b[31mno\u001b[39m\u001b[22m',
    );
  });

  test.each([
    ['NO_COLOR', '1'],
    ['TERM', 'dumb'],
  ])('are none with %s=%s', (name, value) => {
    vi.stubEnv('FORCE_COLOR', undefined);
    vi.stubEnv('NO_COLOR', undefined);
    vi.stubEnv('COLORTERM', undefined);
    vi.stubEnv('CI', undefined);
    vi.stubEnv('TMUX', undefined);
    vi.stubEnv(name, value);
    expect(terminalWith(80).terminal.style(['bold', 'red'], 'no')).toBe('no');
  });
});

test('a paragraph fits into the terminal', () => {
  const { terminal, written } = terminalWith(70);
  terminal.paragraph('word '.repeat(40).trim());
  const rows = written().trimEnd().split('\n');
  expect(rows.length).toBeGreaterThan(2);
  for (const row of rows) expect(row).toMatch(/^ {2}word.{0,64}$/);
});

test('an entry of a log is wrapped below itself, and obeys no text', () => {
  const { terminal, written } = terminalWith(60);
  terminal.entry('12:00:00  !', `${'word '.repeat(14)}\u001b[2J\u202e`);
  const indent = ' '.repeat(12);
  expect(written()).toBe(
    `12:00:00  ! ${'word '.repeat(9).trim()}\n${indent}${'word '.repeat(5)}\ufffd[2J\ufffd\n`,
  );
});

test.each([
  ['a longer text', 8, ['a longer', 'text']],
  ['unbreakable it is', 5, ['unbreakable', 'it is']],
  ['it waits 125 ms', 12, ['it waits', '125 ms']],
  ['two\nlines', 80, ['two', 'lines']],
  ['', 80, ['']],
])('%j wraps at %i', (text, width, rows) => {
  expect(wrap(text, width)).toEqual(rows);
});

test.each([
  [0.2, 'under 1 ms'],
  [12.4, '12 ms'],
  [190, '0.19 s'],
  [12_340, '12.34 s'],
])('%d ms is said as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
