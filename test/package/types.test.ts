import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

const run = promisify(execFile);
const programs = join(import.meta.dirname, 'types');

const COMPILERS = ['5.6.3', '5.9.3', '6.0.3', '7.0.2'] as const;
/** The range of XState that the package asks for. */
const RANGE = ['lowest', 'highest'] as const;
const MODULES = ['NodeNext', 'Bundler'] as const;
const AT_A_TIME = 2;

const ROWS = COMPILERS.flatMap((compiler) =>
  RANGE.flatMap((xstate) => MODULES.map((module) => ({ compiler, xstate, module }))),
);
type Row = (typeof ROWS)[number];

let folder: string;
/** What each compiler says, by row; one that has not begun waits for those before it. */
const said = new Map<Row, Promise<string>>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-types-'));
  const bare = inject('bareFolder');
  const tarball = (await readdir(bare)).find((name) => name.endsWith('.tgz')) ?? '';
  const { peerDependencies, devDependencies } = JSON.parse(
    await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'),
  ) as { readonly [kind in 'peerDependencies' | 'devDependencies']: Readonly<Record<string, string>> };
  const versions = {
    lowest: peerDependencies['xstate']?.replace(/^\D+/, ''),
    highest: devDependencies['xstate'],
  };
  await Promise.all([
    install('compilers', ...COMPILERS.map((version) => `typescript-${version}@npm:typescript@${version}`)),
    ...RANGE.map(async (name) => {
      const types = `@types/node@${devDependencies['@types/node']}`;
      await install(name, join(bare, tarball), `xstate@${versions[name]}`, types, 'aedes@1', 'selfsigned@5');
      await cp(programs, join(folder, name), { recursive: true });
    }),
  ]);
  let before = Array.from({ length: AT_A_TIME }, () => Promise.resolve(''));
  for (const row of ROWS) {
    const [free = Promise.resolve(''), ...others] = before;
    const compiled = free.then(() => compile(row));
    said.set(row, compiled);
    before = [...others, compiled];
  }
});

afterAll(async () => {
  await Promise.all(said.values());
  await rm(folder, { recursive: true });
});

async function install(name: string, ...packages: readonly string[]): Promise<void> {
  await mkdir(join(folder, name));
  await writeFile(join(folder, name, 'package.json'), '{ "private": true, "type": "module" }');
  await run('npm', ['install', '--silent', '--no-audit', '--no-fund', ...packages], {
    cwd: join(folder, name),
  });
}

/** Resolves with the complaints of the compiler: a wrong use that it lets pass is one too. */
async function compile({ compiler, xstate, module }: Row): Promise<string> {
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023', 'ESNext.Disposable'],
    types: ['node'],
    module: module === 'Bundler' ? 'ESNext' : module,
    moduleResolution: module,
    strict: true,
    // The declarations themselves, which take most of the time, are looked at by one compiler.
    skipLibCheck: !(compiler === '6.0.3' && module === 'NodeNext'),
    noEmit: true,
  };
  const project = join(folder, xstate, `tsconfig.${compiler}.${module}.json`);
  await writeFile(project, JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const tsc = join(folder, 'compilers/node_modules', `typescript-${compiler}`, 'bin/tsc');
  return await run(process.execPath, [tsc, '-p', project]).then(
    ({ stdout }) => stdout,
    (error: { readonly stdout: string }) => error.stdout,
  );
}

describe('the types of the packed package', () => {
  it.each(ROWS)('compile with TypeScript $compiler, the $xstate XState, $module', async (row) => {
    expect(await said.get(row)).toBe('');
  });
});

describe('the machines of the packed package', () => {
  it.each(RANGE)('run with the %s XState', async (name) => {
    const { stdout, stderr } = await run(process.execPath, ['run/machines.mjs'], {
      cwd: join(folder, name),
      timeout: 30_000,
    });
    expect(stderr).toBe('');
    expect(stdout.split(/ *\n/).map((line) => line.replace(/ +/, ' '))).toEqual([
      'client live 1',
      'child connection active',
      'child queue active',
      'child subscriptions active',
      'child shadow/lamp active',
      'client closed',
      'connection {"line":{"connected":{"session":{"up":"live"},"stability":"settling"}}}',
      'queue paced',
      'queue closed',
      'queue free',
      'queue closed',
      '',
    ]);
  });
});
