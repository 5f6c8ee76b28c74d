import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONNACK_REASONS } from '../../../src/protocol/connack-reasons.ts';
import { DISCONNECT_REASONS } from '../../../src/protocol/disconnect-reasons.ts';
import { IOT_ERROR_CODES, IotError, type IotErrorCode } from '../../../src/protocol/errors.ts';
import { SOCKET_FAILURES } from '../../../src/protocol/network-failures.ts';
import { PUBACK_REASONS, SUBACK_REASONS, UNSUBACK_REASONS } from '../../../src/protocol/refusal-reasons.ts';
import {
  ALERT_FAILURES,
  LOCAL_TLS_FAILURES,
  VERIFICATION_FAILURES,
} from '../../../src/protocol/tls-failures.ts';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');

/** The cells of each row of the tables below a heading, without their backticks. */
function rowsBelow(heading: string): string[][] {
  const [, below = ''] = page.split(`\n${heading}\n`);
  const [section = ''] = below.split(/\n#{1,3} /);
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:code|name|alert|HTTP)/.test(line));
  return rows.map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

describe('docs/errors.md', () => {
  const codes = [...page.matchAll(/^\| `([A-Z_]+)` \| `(\w+)` \| (\S.*?) \|/gm)];

  test('has each code once, with what the connection does after it, and says what it means', () => {
    expect(codes.map(([, code]) => code).sort()).toEqual([...IOT_ERROR_CODES].sort());
    for (const [, code, recovery] of codes) {
      expect(`${code} ${recovery}`).toBe(`${code} ${new IotError(code as IotErrorCode, '').recovery}`);
    }
  });

  test.each([
    ['### CONNACK', CONNACK_REASONS],
    ['### DISCONNECT', DISCONNECT_REASONS],
    ['### PUBACK', PUBACK_REASONS],
    ['### SUBACK', SUBACK_REASONS],
    ['### UNSUBACK', UNSUBACK_REASONS],
  ] as const)('%s is the table that is used', (heading, table) => {
    const used = [...table].map(([code, reason]) => [
      String(code),
      `0x${code.toString(16).padStart(2, '0')}`,
      reason.words,
      reason.code,
    ]);
    expect(rowsBelow(heading)).toEqual(used);
  });

  test.each([
    ['### Sockets and name servers', [SOCKET_FAILURES]],
    ['### Names of TLS', [VERIFICATION_FAILURES, ALERT_FAILURES, LOCAL_TLS_FAILURES]],
  ] as const)('%s are the tables that are used', (heading, tables) => {
    const shown = rowsBelow(heading).flatMap(([names = '', code]) =>
      names.split(', ').map((name) => `${name} ${code}`),
    );
    const used = tables.flatMap((table) => [...table].map(([name, { code }]) => `${name} ${code}`));
    expect(shown.sort()).toEqual(used.sort());
  });

  test('has no code that nothing raises', () => {
    expect(IOT_ERROR_CODES.filter((code) => !isRaised(code))).toEqual([]);
  });
});

/** Whether a file of the package names a code. */
const isRaised = (code: string): boolean => sources.some((source) => source.includes(`'${code}'`));

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/^protocol.errors\.ts$/.test(path))
  .map((path) => readFileSync(join(root, 'src', path), 'utf8'));
