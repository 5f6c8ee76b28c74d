import { loadOptionalPeer } from '../protocol/optional-peer.ts';

/** Loads an optional peer of the local core. */
export function loadPeer<T>(name: 'aedes' | 'selfsigned', load: () => Promise<T>): Promise<T> {
  const install = 'npm install --save-dev aedes@1 selfsigned@5';
  return loadOptionalPeer({ name, neededBy: 'the local IoT core', install }, load);
}
