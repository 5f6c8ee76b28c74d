import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CertificateFolder } from '../local/certificate-folder.ts';
import type { LocalIotCore } from '../local/index.ts';
import type { LocalTarget } from './local-options.ts';

/** Where other programs find what a device signs in with. */
export interface DeviceFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Removes what is not to be kept. */
  [Symbol.dispose](): void;
}

/** Writes down the certificate of the device: in the directory of the core, or for as long as this process lives. */
export async function writeDeviceFiles(
  core: LocalIotCore,
  { directory, thing }: LocalTarget,
): Promise<DeviceFiles> {
  const { ca, cert, key } = await core.deviceCredentials(thing);
  if (directory === undefined) return new TemporaryFiles(thing, { ca, cert, key });
  // The core keeps them there itself.
  const folder = new CertificateFolder(directory);
  return { ca: folder.ca.cert, ...folder.device(thing), [Symbol.dispose]: () => {} };
}

/** In a folder that is closed to others, and goes with this process however it ends, short of being killed. */
class TemporaryFiles implements DeviceFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly #folder: string;

  constructor(thing: string, pem: { readonly ca: string; readonly cert: string; readonly key: string }) {
    this.#folder = mkdtempSync(join(tmpdir(), 'aws-iot-local-'));
    process.on('exit', this.#remove);
    // A colon in the name of a thing is none in a file's on every system.
    const name = thing.replaceAll(':', '_');
    this.ca = this.#write('ca.pem', pem.ca);
    this.cert = this.#write(`${name}.pem`, pem.cert);
    this.key = this.#write(`${name}.key`, pem.key);
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }

  readonly #remove = (): void => rmSync(this.#folder, { recursive: true, force: true });

  #write(name: string, text: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
    return path;
  }
}
