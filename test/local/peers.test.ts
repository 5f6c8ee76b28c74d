import { describe, expect, it } from 'vitest';

import { loadPeer } from '../../src/local/peers.ts';

describe('a peer that is not installed', () => {
  it('is an error that names the one command to run', async () => {
    const missing = Object.assign(new Error("Cannot find package 'aedes' imported from core.js"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    await expect(loadPeer('aedes', () => Promise.reject(missing))).rejects.toMatchObject({
      code: 'MISSING_PACKAGE',
      message: expect.stringContaining('aedes'),
      remediation: 'run: npm install --save-dev aedes@1 selfsigned@5',
      cause: missing,
    });
  });

  it('is told apart from a peer that is broken', async () => {
    const broken = Object.assign(new Error("Cannot find package 'qlobber'"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    await expect(loadPeer('aedes', () => Promise.reject(broken))).rejects.toBe(broken);
  });
});
