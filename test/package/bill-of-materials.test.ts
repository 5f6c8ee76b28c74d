import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, it } from 'vitest';

it('sec:S-26 a bill of materials is made where the package is installed, and has all that it depends on', async () => {
  // In the folder of a device: in one with development tools, npm leaves out what these use too.
  const { stdout } = await promisify(execFile)('npm', ['sbom', '--sbom-format=cyclonedx'], {
    cwd: inject('bareFolder'),
    maxBuffer: 64 * 1024 * 1024,
  });
  const { bomFormat, components } = JSON.parse(stdout) as {
    readonly bomFormat: string;
    readonly components: readonly { readonly name: string; readonly hashes?: readonly unknown[] }[];
  };
  const { dependencies } = JSON.parse(
    await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'),
  ) as { readonly dependencies: Readonly<Record<string, string>> };
  expect(bomFormat).toBe('CycloneDX');
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['aws-iot-machines', ...Object.keys(dependencies)]));
  expect(names).not.toContain('vitest');
  expect(components.filter(({ hashes = [] }) => hashes.length === 0)).toEqual([]);
});
