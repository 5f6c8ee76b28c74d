import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll } from 'vitest';
import { type StoreProcess, startStoreProcess, withStoreProcesses } from '../../support/store-process.ts';
import type { Orders } from '../programs/device.ts';

const root = join(import.meta.dirname, '../../..');
const PROGRAM = 'test/faults/programs/device.ts';
const LAYERS = ['protocol', 'delivery', 'machines', 'adapters', 'client'];
const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2023,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};

let folder = '';

/** Devices are processes that run our sources, without their types: these are made once for a test file. */
export function withDeviceProcesses(): void {
  withStoreProcesses();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const layers = LAYERS.map((layer) => join('src', layer));
    const files = await Promise.all(
      layers.map(async (path) => (await readdir(join(root, path))).map((name) => join(path, name))),
    );
    await Promise.all(['src/index.ts', PROGRAM, ...files.flat()].map(compile));
  });
  afterAll(() => rm(folder, { recursive: true }));
}

async function compile(path: string): Promise<void> {
  const { outputText } = ts.transpileModule(await readFile(join(root, path), 'utf8'), { compilerOptions });
  const made = join(folder, path.replace(/\.ts$/, '.js'));
  await mkdir(dirname(made), { recursive: true });
  await writeFile(made, outputText);
}

/** Starts a device. When the test is over it is killed, if it still runs. */
export function startDevice(orders: Orders): StoreProcess {
  const url = new URL(`file://${join(folder, PROGRAM.replace(/\.ts$/, '.js'))}`).href;
  return startStoreProcess(`
    process.argv = [process.execPath, 'device', ${JSON.stringify(JSON.stringify(orders))}];
    await import(${JSON.stringify(url)});
  `);
}
