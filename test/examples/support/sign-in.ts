import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LocalIotCore } from '../../../src/local/index.ts';

export interface SignIn {
  readonly flags: readonly string[];
  /** Removes the files that the flags name. */
  remove(): Promise<void>;
}

/** The flags with which a device signs in to this core as it would to AWS. */
export async function signInFlags(core: LocalIotCore, clientId: string): Promise<SignIn> {
  const folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-example-'));
  const credentials = await core.deviceCredentials(clientId);
  for (const name of ['ca', 'cert', 'key'] as const) {
    await writeFile(join(folder, name), credentials[name], { mode: 0o600 });
  }
  const files = ['-r', join(folder, 'ca'), '-c', join(folder, 'cert'), '-k', join(folder, 'key')];
  return {
    flags: ['-e', core.endpoint, '-p', String(core.port), ...files],
    remove: () => rm(folder, { recursive: true }),
  };
}
