import { expect, test, vi } from 'vitest';
import { LocalLog } from '../../src/cli/local-log.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import type { TapRecord } from '../../src/local/index.ts';

/** A log in a pipe, and how a core tells it of packets. */
function startLog() {
  const write = vi.fn();
  const log = new LocalLog(new Terminal({ write } as unknown as NodeJS.WriteStream));
  const end = new AbortController();
  const listeners = new Set<(record: TapRecord) => void>();
  const on = (listener: (record: TapRecord) => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  log.watch({ on }, end.signal);
  const saw = (packet: TapRecord['packet'], more: Partial<TapRecord> = {}): void => {
    const direction = packet === 'connack' ? 'toClient' : 'toBroker';
    const record = {
      packet,
      direction,
      connection: 1,
      clientId: 'lamp',
      bytes: 2,
      at: 0,
      fate: 'passed',
    } as const;
    for (const listener of listeners) listener({ ...record, ...more });
  };
  return {
    end,
    log,
    saw,
    connect: (more: Partial<TapRecord> = {}, sessionPresent = false): void => {
      saw('connect', more);
      saw('connack', { returnCode: 0, sessionPresent, ...more });
    },
    entries: () => write.mock.calls.map(([text]) => String(text).replace(/^\d\d:\d\d:\d\d {2}(.*)\n$/, '$1')),
  };
}

test('a session says whether it is kept, and whether it was found again', () => {
  const { connect, entries } = startLog();
  connect({ clean: true });
  connect({ clean: false });
  connect({ clean: false }, true);
  expect(entries()).toEqual([
    '→ lamp connects',
    '→ lamp connects and begins a persistent session',
    '→ lamp connects and finds its session again',
  ]);
});

test('who leaves is said with the reason', () => {
  const { connect, saw, entries } = startLog();
  connect();
  saw('disconnect');
  saw('end');
  connect();
  saw('end');
  connect({ at: 1_000 });
  saw('pingreq', { at: 5_000 });
  saw('end', { direction: 'toClient', at: 50_000 });
  connect();
  saw('connect', { connection: 2 });
  saw('end', { direction: 'toClient' });
  expect(entries().filter((entry) => entry.startsWith('←'))).toEqual([
    '← lamp leaves: it said goodbye',
    '← lamp leaves: its line broke',
    '← lamp leaves: the core closed its line after 45.00 s of silence',
    '← lamp leaves: another connection has its client id now',
  ]);
});

test('who was not let in neither comes nor goes', () => {
  const { saw, entries } = startLog();
  saw('connect');
  saw('connack', { returnCode: 5 });
  saw('end');
  saw('end', { connection: 7 });
  expect(entries()).toEqual([]);
});

test('a name that a terminal would obey is shown escaped, and a long one cut', () => {
  const { connect, log, entries } = startLog();
  connect({ clientId: '\u001b[2J' });
  connect({ clientId: 'x'.repeat(100) });
  log.warn({ code: 'REFUSED', clientId: undefined, message: 'a\nb\u009b1m' });
  expect(entries()).toEqual([
    '→ "\\u001b[2J" connects',
    `→ "${'x'.repeat(64)}"… (100 characters) connects`,
    '! a\ufffdb\ufffd1m',
  ]);
});

test('after the end only warnings come', () => {
  const { connect, end, log, entries } = startLog();
  end.abort();
  connect();
  log.warn({ code: 'REFUSED', clientId: undefined, message: 'no' });
  expect(entries()).toEqual(['! no']);
});
