import { describe, expect, it } from 'vitest';
import { builtUrl, startStoreProcess } from '../support/store-process.ts';

describe('a process with an inspector of Stately', () => {
  it('sec:S-22 ends by itself, with a relay, with a server that is away, and without having closed either', async () => {
    const child = startStoreProcess(`
      import { createActor, createMachine } from 'xstate';
      import { statelyInspector } from '${builtUrl('dist/inspect/index.js')}';
      for (const way of [{}, { url: 'ws://127.0.0.1:1' }]) {
        const stately = await statelyInspector({ via: 'webSocket', ...way });
        createActor(createMachine({ id: 'lamp' }), { inspect: stately.inspect }).start();
      }
      console.log('started');
    `);
    expect(await child.end).toEqual({ exitCode: 0, output: 'started\n' });
  });

  it('is told which package to install when there is none', async () => {
    const absent = `export async function resolve(name, context, next) {
      if (name !== '@statelyai/inspect') return next(name, context);
      throw Object.assign(new Error("Cannot find package '@statelyai/inspect'"), { code: 'ERR_MODULE_NOT_FOUND' });
    }`;
    const child = startStoreProcess(`
      import { register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(absent)}));
      const { statelyInspector } = await import('${builtUrl('dist/inspect/index.js')}');
      const { code, remediation } = await statelyInspector({ via: 'webSocket' }).catch((error) => error);
      console.log(code, remediation);
    `);
    expect((await child.end).output).toBe(
      'MISSING_PACKAGE run: npm install --save-dev @statelyai/inspect@0.7\n',
    );
  });
});
