import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { freshPath, openAt, textsAt, textsOf } from '../support/level-world.ts';
import { startStoreProcess } from '../support/store-process.ts';

describe('a level store and the processes that have it', () => {
  it('fault:F-16 an open one keeps no process alive, and what was written is there', async () => {
    const path = await freshPath();
    const child = startStoreProcess(`
      const store = await levelStore({ directory: ${JSON.stringify(path)}, sync: 'never' }).open(systemClock);
      await store.write([{ number: 1, value: Buffer.from('written') }]);
      console.log('done');
    `);
    expect(await child.end).toEqual({ exitCode: 0, output: 'done\n' });
    expect(await textsAt(path)).toEqual([[1, 'written']]);
  });

  it('fault:F-3 kill -9 loses nothing that was written, with any policy', async () => {
    const path = await freshPath();
    const policies = ['always', 'everySecond', 'never'] as const;
    const child = startStoreProcess(`
      for (const sync of ${JSON.stringify(policies)}) {
        const store = await levelStore({ directory: ${JSON.stringify(path)} + sync, sync }).open(systemClock);
        for (let number = 1; number <= 50; number++) await store.write([{ number, value: Buffer.from('x') }]);
      }
      console.log('written');
      setInterval(() => {}, 1_000);
    `);
    await child.shows('written');
    child.kill('SIGKILL');
    await child.end;
    for (const policy of policies) expect(await textsAt(path + policy)).toHaveLength(50);
  });

  it('fault:F-9 fault:F-10 has a holder until that ends, also by kill -9: a second one is told its number', async () => {
    const path = await freshPath();
    const code = `
      const store = await levelStore({ directory: ${JSON.stringify(path)} }).open(systemClock);
      await store.write([{ number: 1, value: Buffer.from('kept') }]);
      console.log('open');
      setInterval(() => {}, 1_000);
    `;
    const holder = startStoreProcess(code);
    await holder.shows('open');
    for (let times = 0; times < 2; times++) {
      await expect(openAt(path)).rejects.toMatchObject({
        code: 'STORE_LOCKED',
        message: expect.stringMatching(new RegExp(`is in use by process ${holder.pid}, since 20\\d\\d-.*Z$`)),
        remediation: expect.stringContaining('directory of its own'),
      });
    }
    holder.kill('SIGKILL');
    await holder.end;
    expect(await readdir(path)).toContain('holder.json');
    const store = await openAt(path);
    expect(await textsOf(store)).toEqual([[1, 'kept']]);
    expect(await readFile(join(path, 'holder.json'), 'utf8')).toContain(`"pid":${process.pid},`);
  });

  it('fault:F-9 stays locked for others after its holder asked for it twice', async () => {
    const path = await freshPath();
    await openAt(path);
    await expect(openAt(path)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    const other = startStoreProcess(`
      const store = levelStore({ directory: ${JSON.stringify(path)} });
      await store.open(systemClock).catch((error) => console.log(error.code, error.message));
    `);
    const { output } = await other.end;
    expect(output).toContain('STORE_LOCKED');
    expect(output).toContain(`process ${process.pid},`);
  });

  it('that is damaged is not repaired under the hands of its holder', async () => {
    const path = await freshPath();
    const holder = startStoreProcess(`
      const store = await levelStore({ directory: ${JSON.stringify(path)} }).open(systemClock);
      await store.write([{ number: 1, value: Buffer.from('kept') }]);
      console.log('open');
      setInterval(() => {}, 1_000);
    `);
    await holder.shows('open');
    await rm(join(path, 'messages', 'CURRENT'));
    await expect(openAt(path)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    holder.kill('SIGKILL');
    await holder.end;
    expect(await textsAt(path)).toEqual([[1, 'kept']]);
  });
});
