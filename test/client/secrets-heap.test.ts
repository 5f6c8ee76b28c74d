import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { builtUrl, startStoreProcess } from '../support/store-process.ts';
import { useCore } from './support.ts';

const theCore = useCore();

/** What proves that the heap is searched at all: it is read as the keys are, and kept. */
const KEPT = 'this-the-process-keeps';

/** All texts in the heap of a process that signed in with what is in `keys`, was live, and has closed its client. */
async function textsLeft(folder: string, keys: object): Promise<readonly string[]> {
  const core = theCore();
  await writeFile(join(folder, 'keys'), JSON.stringify({ keys, kept: KEPT }));
  const { endpoint, port, clientId, ca } = core.webSocketOptions('forgetful');
  const device = startStoreProcess(`
    import { readFile } from 'node:fs/promises';
    import { writeHeapSnapshot } from 'node:v8';
    import { createIotClient, sigV4 } from ${JSON.stringify(builtUrl('dist/index.js'))};

    async function live() {
      const credentials = async () => {
        const { keys, kept } = JSON.parse(await readFile(${JSON.stringify(join(folder, 'keys'))}, 'utf8'));
        globalThis.kept = kept;
        return { ...keys, expiration: new Date(keys.expiration) };
      };
      const auth = sigV4({ credentials, region: ${JSON.stringify(core.region)} });
      const client = createIotClient({ ...${JSON.stringify({ endpoint, port, clientId, ca })}, auth });
      await client.connect({ timeoutMs: 10_000 });
      await client.when('live');
      await client.close();
    }
    await live();
    // What ended with the line may need a turn to be let go.
    await new Promise((resolve) => setTimeout(resolve, 50));
    writeHeapSnapshot(${JSON.stringify(join(folder, 'heap'))});
    console.log('written');
  `);
  const { exitCode, output } = await device.end;
  expect([exitCode, output]).toEqual([0, 'written\n']);
  const { strings } = JSON.parse(await readFile(join(folder, 'heap'), 'utf8')) as { strings: string[] };
  return strings;
}

it('sec:S-9 keys, session token and signature are not in the heap once the client is closed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heap-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const keys = theCore().issueCredentials();
  const texts = await textsLeft(folder, keys);
  const holding = (part: string): number => texts.filter((text) => text.includes(part)).length;

  expect(holding(KEPT)).toBeGreaterThan(0);
  expect(holding(keys.secretAccessKey)).toBe(0);
  expect(holding(keys.sessionToken!)).toBe(0);
  expect(holding(encodeURIComponent(keys.sessionToken!))).toBe(0);
  // No signature, and nothing that might be one.
  expect(texts.filter((text) => /[0-9a-f]{64}/.test(text)).length).toBe(0);
});
