import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../src/client/options.ts';
import { mutualTls } from '../../src/index.ts';
import { IOT_ERROR_CODES } from '../../src/protocol/errors.ts';
import names from '../fixtures/python-names.json' with { type: 'json' };

const root = join(import.meta.dirname, '../..');
const guide = readFileSync(join(root, 'docs/python.md'), 'utf8');

/** What stands below a heading, up to the next one. */
function sectionOf(heading: string): string {
  const below = guide.split(`\n### ${heading}\n`)[1];
  if (below === undefined) throw new Error(`the guide has no section "${heading}"`);
  return below.split(/\n##+ /)[0] ?? '';
}

/** What the table of defaults says of this side. */
function here(row: string): string {
  const found = sectionOf('Defaults')
    .split('\n')
    .find((line) => line.startsWith(`| ${row}`));
  return found?.split('|')[5]?.trim() ?? '';
}

/** All that is code in the left cells of its tables and above them: there stand the names of the other side. */
function pythonNamesIn(section: string): string {
  const lines = section
    .split('\n')
    .map((line) => (line.startsWith('| ') ? (line.split(' | ')[0] ?? '') : line));
  return lines.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, code]) => code)).join(' ');
}

/** As a word of its own: `connect` is not named by `connectAsync`. */
function isNamed(name: string, where: string): boolean {
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\w-])${literal}(?![\\w-])`).test(where);
}

function* testFilesIn(folder: string): Iterable<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* testFilesIn(path);
    else if (entry.name.endsWith('.test.ts')) yield path;
  }
}

describe('the guide for those who come from the Python SDK', () => {
  it.each(Object.entries(names))('names every method and option of %s', (heading, { methods, options }) => {
    const where = `${heading} ${pythonNamesIn(sectionOf(heading))}`;
    expect([...methods, ...options].filter((name) => !isNamed(name, where))).toEqual([]);
  });

  it('knows only codes that there are', () => {
    const said = [...sectionOf('Exceptions').matchAll(/`([A-Z]+(?:_[A-Z]+)*)`/g)].map(([, code]) => code);
    expect(said.length).toBeGreaterThan(20);
    expect(said.filter((code) => !IOT_ERROR_CODES.some((known) => known === code))).toEqual([]);
  });

  it('cites only rows that a test has in its name', () => {
    const cited = new Set([...sectionOf('What is mended').matchAll(/`(py:[A-Z]\d+)`/g)].map(([, id]) => id));
    expect(cited.size).toBeGreaterThan(20);
    const tests = [...testFilesIn(join(root, 'test'))].map((path) => readFileSync(path, 'utf8')).join('\n');
    expect([...cited].filter((id) => id === undefined || !isNamed(id, tests))).toEqual([]);
  });

  it('says the defaults that hold', () => {
    const auth = mutualTls({ cert: 'cert.pem', key: 'key.pem' });
    const endpoint = 'abc123-ats.iot.eu-west-1.amazonaws.com';
    const resolved = resolveOptions({ endpoint, clientId: 'lamp', auth });
    const { reconnect, queue, drain, rate = { publishesPerSecond: 0, bytesPerSecond: 0 } } = resolved;
    const { baseMs, maxMs, stableMs, jitter } = reconnect;
    const thousands = (value: number): string => value.toLocaleString('en-US');
    expect(here('backoff')).toBe(`${[baseMs, maxMs, stableMs].map(thousands).join(', ')} ms`);
    expect(here('jitter')).toContain(`'${jitter}'`);
    expect(here('between two')).toContain(`${thousands(resolved.connectIntervalMs)} ms on AWS`);
    expect(here('queue')).toBe(`${queue.maxMessages} messages and ${queue.maxBytes / 2 ** 20} MiB`);
    expect(here('`dropBehavior`')).toBe(`\`'${queue.overflow}'\``);
    expect(here('`drainingFrequency`')).toContain(`${drain.perSecond} a second, and one more`);
    expect(drain.adaptive).toBe(true);
    expect(here('keep-alive')).toBe(`${resolved.keepAliveSeconds} s`);
    expect(here('deadline of a lost ping')).toContain(`${resolved.pingTimeoutMs / 1_000} s (`);
    expect(here('operation timeout')).toContain(`${resolved.operationTimeoutMs / 1_000} s until`);
    const { publishesPerSecond, bytesPerSecond } = rate;
    expect(here('pace')).toBe(`${publishesPerSecond} a second and ${bytesPerSecond / 1_024} KiB on AWS`);
    expect(here('subscriptions')).toBe(`${resolved.maxSubscriptions} on AWS`);
  });
});
