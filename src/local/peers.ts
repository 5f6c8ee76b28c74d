import { IotError } from '../protocol/errors.ts';

const INSTALL = 'npm install --save-dev aedes@1 selfsigned@5';

/** Loads an optional peer of the local core; one that is not installed is an error that names the one command to run. */
export async function loadPeer<T>(name: 'aedes' | 'selfsigned', load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!isMissing(cause, name)) throw cause;
    throw new IotError(
      'MISSING_PACKAGE',
      `the local IoT core needs the package ${name}, which is not installed`,
      {
        remediation: `run: ${INSTALL}`,
        cause,
      },
    );
  }
}

function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === 'ERR_MODULE_NOT_FOUND' && String(message).includes(`'${name}'`);
}
