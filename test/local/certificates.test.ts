// What a core keeps in its directory, so that devices know it again.
import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { LocalIotCore } from '../../src/local/index.ts';
import { makeAuthority, makeLeaf, type Pair } from '../support/certificates.ts';
import { connectDevice, startCore } from './support.ts';

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

let directory: string;
const path = (name: string): string => join(directory, 'certificates', name);
const text = (name: string): Promise<string> => readFile(path(name), 'utf8');

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-core-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** What a core that is started in the directory has. */
async function keptBy(use: (core: LocalIotCore) => Promise<unknown> = async () => undefined) {
  const core = await startCore({ directory });
  const { ca, cert, key } = await core.deviceCredentials('lamp');
  await use(core);
  const { warnings } = core;
  await core.stop();
  return {
    ca,
    cert,
    key,
    server: await text('server.pem'),
    warnings: warnings.map(({ message }) => message),
  };
}

async function replace(name: string, { cert, key }: Partial<Pair>): Promise<void> {
  if (cert !== undefined) await writeFile(path(`${name}.pem`), cert);
  if (key !== undefined) await writeFile(path(`${name}.key`), key);
}

const pair = async (name: string): Promise<Pair> => ({
  cert: await text(`${name}.pem`),
  key: await text(`${name}.key`),
});

async function expiredAuthority(): Promise<Pair> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'expired' }], {
    ...{ keyType: 'ec', algorithm: 'sha256' },
    notBeforeDate: new Date(Date.now() - 2 * DAY_MS),
    notAfterDate: new Date(Date.now() - DAY_MS),
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
  });
  return { cert, key };
}

const expiredLeaf = (authority: Pair) => makeLeaf(authority, { notAfter: new Date(Date.now() - 1_000) });

describe('a core with a directory', () => {
  it('has the same authority, server and devices when it is started again, and a device that knew it comes in', async () => {
    const first = await keptBy();
    const second = await keptBy((core) => connectDevice(core, 'lamp', first));
    expect(second).toEqual({ ...first, warnings: [] });
  });

  it('gives each client id a certificate of its own, whatever the id has in it', async () => {
    const ids = ['lamp', 'Lamp', '../../escape', 'a/b', 'a_b', 'ü'.repeat(64), '', 'x'.repeat(128), 'nul\0'];
    const certificates = async () => {
      const core = await startCore({ directory });
      const all = await Promise.all(ids.map(async (id) => (await core.deviceCredentials(id)).cert));
      await core.stop();
      return all;
    };
    const all = await certificates();
    expect(new Set(all).size).toBe(ids.length);
    expect(await certificates()).toEqual(all);
    expect((await readdir(directory)).sort()).toEqual(['certificates', 'shadows']);
    const names = await readdir(path('devices'));
    expect(names).toHaveLength(2 * ids.length);
    // Not every system tells them apart by their case.
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
  });

  it('sec:S-20 keeps keys for its own user only, also after a copy that was open to others', async () => {
    await keptBy();
    const modes = async () => {
      const found = await readdir(path(''), { recursive: true });
      const all = found.map(async (name) => [name, ((await stat(path(name))).mode & 0o777).toString(8)]);
      return Object.fromEntries(await Promise.all(all)) as Record<string, string>;
    };
    const files = ['ca', 'server', 'devices/lamp'].flatMap((name) => [`${name}.key`, `${name}.pem`]);
    const closed = Object.fromEntries([
      ['devices', '700'],
      ['.gitignore', '600'],
      ...files.map((name) => [name, '600']),
    ]);
    expect(await modes()).toEqual(closed);
    expect((await stat(path(''))).mode & 0o777).toBe(0o700);
    expect(await text('.gitignore')).toBe('*\n');
    for (const name of files) await chmod(path(name), 0o644);
    await keptBy();
    expect(await modes()).toEqual(closed);
  });

  it('lasts for years on the device, and a year in the server', async () => {
    const { ca, cert, server } = await keptBy();
    const lasts = (pem: string) => (Date.parse(new X509Certificate(pem).validTo) - Date.now()) / YEAR_MS;
    expect([ca, cert, server].map((pem) => Math.round(lasts(pem)))).toEqual([20, 20, 1]);
  });

  it('makes an expired server certificate anew, says so, and is still trusted', async () => {
    const first = await keptBy();
    await replace('server', await expiredLeaf(await pair('ca')));
    const second = await keptBy((core) => connectDevice(core, 'lamp', first));
    expect(second).toMatchObject({ ca: first.ca, cert: first.cert });
    expect(second.warnings).toEqual([
      expect.stringMatching(
        /^the local core made a new certificate of its server: .*server\.pem has expired \(/,
      ),
    ]);
    expect((await keptBy()).warnings).toEqual([]);
  });

  it('makes everything anew under a new authority when the old one has expired', async () => {
    const first = await keptBy();
    await replace('ca', await expiredAuthority());
    const second = await keptBy((core) => connectDevice(core, 'lamp'));
    expect([second.ca, second.cert, second.server]).not.toContain(first.ca);
    expect(
      second.warnings.map((warning) => warning.replace(/^.* of (.*): .*\/(\S+) (.*?)( \(.*)?$/, '$1, $2 $3')),
    ).toEqual([
      'its authority, ca.pem has expired',
      'its server, server.pem is of another authority',
      'client "lamp", lamp.pem is of another authority',
    ]);
    expect((await keptBy()).warnings).toEqual([]);
  });

  it.each([
    ['is damaged', async () => replace('devices/lamp', { cert: 'nonsense' }), 'or its key cannot be read'],
    ['is cut off', async () => replace('devices/lamp', { key: '' }), 'or its key cannot be read'],
    ['has lost its key', async () => rm(path('devices/lamp.key')), 'or its key cannot be read'],
    [
      'has the key of another one',
      async () => replace('devices/lamp', { key: (await pair('server')).key }),
      'does not fit its key',
    ],
    [
      'is of another authority',
      async () => replace('devices/lamp', await makeLeaf(await makeAuthority())),
      'is of another authority',
    ],
  ])('makes a certificate anew that %s', async (_name, damage, why) => {
    const first = await keptBy();
    await damage();
    const second = await keptBy((core) => connectDevice(core, 'lamp'));
    expect(second.ca).toBe(first.ca);
    expect(second.cert).not.toBe(first.cert);
    expect(second.warnings).toEqual([expect.stringContaining(`lamp.pem ${why}`)]);
  });

  it('says what is wrong when it cannot keep anything there', async () => {
    await writeFile(join(directory, 'certificates'), '');
    await expect(startCore({ directory })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(
        /^the certificates of the local core cannot be kept: E[A-Z]+$/,
      ) as unknown,
      remediation: expect.stringContaining(join(directory, 'certificates')) as unknown,
    });
    // And it has let go of the directory.
    await rm(join(directory, 'certificates'));
    await startCore({ directory });
    await expect(startCore({ directory: '' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('without one it writes nothing', async () => {
    const core = await startCore();
    const { cert } = await core.deviceCredentials('lamp');
    expect((await core.deviceCredentials('lamp')).cert).toBe(cert);
    expect(await readdir(directory)).toEqual([]);
  });
});
