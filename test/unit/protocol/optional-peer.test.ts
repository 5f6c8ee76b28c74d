import { describe, expect, it } from 'vitest';

import { loadOptionalPeer, type OptionalPeer } from '../../../src/protocol/optional-peer.ts';

const PEER: OptionalPeer = { name: 'level', neededBy: 'a durable queue', install: 'npm install level@10' };

const missing = (name: string): Error =>
  Object.assign(new Error(`Cannot find package '${name}' imported from a.js`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });

describe('an optional peer', () => {
  it('is given when it is there', async () => {
    await expect(loadOptionalPeer(PEER, async () => 'the package')).resolves.toBe('the package');
  });

  it('that is not installed is an error that names who needs it and the one command to run', async () => {
    const cause = missing('level');
    await expect(loadOptionalPeer(PEER, () => Promise.reject(cause))).rejects.toMatchObject({
      code: 'MISSING_PACKAGE',
      message: 'a durable queue needs the package level, which is not installed',
      remediation: 'run: npm install level@10',
      cause,
    });
  });

  it('that was not there when Vite bundled the page is one that is not installed', async () => {
    const thrown = (name: string) =>
      new Error(`Could not resolve "${name}" imported by "aws-iot-machines". Is it installed?`);
    await expect(loadOptionalPeer(PEER, () => Promise.reject(thrown('level')))).rejects.toMatchObject({
      code: 'MISSING_PACKAGE',
    });
    const other = thrown('classic-level');
    await expect(loadOptionalPeer(PEER, () => Promise.reject(other))).rejects.toBe(other);
  });

  it('that is not installed is told apart from one that is broken', async () => {
    const broken = missing('classic-level');
    await expect(loadOptionalPeer(PEER, () => Promise.reject(broken))).rejects.toBe(broken);
  });
});
