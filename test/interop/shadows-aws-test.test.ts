// AWS's own integration test of its newest shadow client, which it runs against AWS IoT Core, on our local core.
import { describe, expect, it } from 'vitest';

import { startLocalIotCore } from '../../src/local/index.ts';
import { SdkProgram } from './sdk-program.ts';
import { afterThisTest } from './support.ts';

async function start(): Promise<SdkProgram> {
  const core = await startLocalIotCore();
  afterThisTest(() => core.stop());
  return SdkProgram.start('shadows-aws-test', core);
}

const TESTS = ['create destroy', 'get non-existent shadow', 'create-destroy shadow', 'update shadow'];

describe("AWS's own test of shadows on the local core, with all of its limits", () => {
  it.each(TESTS)('passes: %s', async (name) => {
    const program = await start();
    expect(await program.call('run', { name: `shadowv2 - ${name} mqtt311` })).toBe('passed');
  });

  // The local core speaks MQTT 3.1.1, so those that the file has for MQTT 5 are left out.
  it('has no other test', async () => {
    const names = TESTS.flatMap((name) => [`shadowv2 - ${name} mqtt5`, `shadowv2 - ${name} mqtt311`]);
    expect(await (await start()).call('names')).toEqual(names);
  });
});
