import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

interface Locked {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly publishConfig: { readonly provenance: boolean };
};
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Locked>>;
};

/** What `npm install aws-iot-machines xstate` brings to a device, without its optional packages. */
const onDevice = Object.entries(lock.packages).filter(
  ([path, { dev }]) => (path !== '' && dev !== true) || path === 'node_modules/xstate',
);

describe('what a device installs', () => {
  /** mqtt.js brings most of it. A new package must be worth more than this number. */
  const BUDGET = 50;

  it(`sec:S-23 is at most ${BUDGET} packages, of them these at first hand`, () => {
    expect(onDevice.length).toBeGreaterThan(40);
    expect(onDevice.length).toBeLessThanOrEqual(BUDGET);
    expect(Object.keys(manifest.dependencies).sort()).toEqual([
      ...['aws4', 'commander', 'denque', 'mqtt', 'mqtt-packet', 'ws'],
    ]);
    const required = Object.keys(manifest.peerDependencies).filter(
      (name) => manifest.peerDependenciesMeta[name]?.optional !== true,
    );
    expect(required).toEqual(['xstate']);
  });

  it('sec:S-24 runs no script when it is installed, and neither does this package', () => {
    expect(onDevice.filter(([, { hasInstallScript }]) => hasInstallScript === true)).toEqual([]);
    const atInstall = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare'];
    expect(Object.keys(manifest.scripts).filter((name) => atInstall.includes(name))).toEqual([]);
    expect(existsSync(join(root, 'binding.gyp'))).toBe(false);
  });

  it('sec:S-24 and of all tools only the one that a durable queue needs does, which has its binaries with it', () => {
    const scripted = Object.entries(lock.packages).filter(
      // What one platform alone can install has none here.
      ([, { hasInstallScript, optional }]) => hasInstallScript === true && optional !== true,
    );
    expect(scripted.map(([path]) => path)).toEqual(['node_modules/classic-level']);
  });
});

describe('what it is built with', () => {
  it('sec:S-25 is locked with checksums', () => {
    expect(lock.lockfileVersion).toBe(3);
    for (const [path, { integrity, optional }] of Object.entries(lock.packages)) {
      // What is for another platform was never seen here.
      if (path !== '' && optional !== true) expect(integrity, path).toMatch(/^sha512-/);
    }
  });

  it('sec:S-25 has exact versions, and what is added has one too', () => {
    for (const [name, version] of Object.entries(manifest.devDependencies))
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    expect(readFileSync(join(root, '.npmrc'), 'utf8')).toContain('save-exact=true');
  });

  it('sec:S-26 is published with provenance', () => {
    expect(manifest.publishConfig.provenance).toBe(true);
  });

  it('sec:S-27 has no workflow with permissions, and its one script takes no secret', () => {
    expect(existsSync(join(root, '.github/workflows'))).toBe(false);
    const script = readFileSync(join(root, '.ci/run'), 'utf8');
    expect(script).not.toMatch(/secret|token|password|credential|npm (publish|login|adduser)/i);
  });
});
