import { expect, it } from 'vitest';

import { loadPeer } from '../../src/local/peers.ts';

it('a peer of the local core that is not installed is an error that names the one command to run', async () => {
  const missing = Object.assign(new Error("Cannot find package 'aedes' imported from core.js"), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
  await expect(loadPeer('aedes', () => Promise.reject(missing))).rejects.toMatchObject({
    code: 'MISSING_PACKAGE',
    message: 'the local IoT core needs the package aedes, which is not installed',
    remediation: 'run: npm install --save-dev aedes@1 selfsigned@5',
    cause: missing,
  });
});
