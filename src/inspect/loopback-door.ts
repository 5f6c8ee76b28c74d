import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, IotError } from '../protocol/errors.ts';

/** Nobody beyond this machine reaches it, and there is no option for another one. */
export const LOOPBACK_HOST = '127.0.0.1';

const OWN_NAMES = [LOOPBACK_HOST, 'localhost', '[::1]'];

/**
 * Has a server listen on the loopback, where it does not keep the process alive.
 *
 * @param port 0 takes any free one
 * @returns the port
 * @throws IotError `INVALID_ARGUMENT` when another program has the port
 */
export async function listenOnLoopback(server: Server, port: number): Promise<number> {
  server.on('connection', (socket) => socket.unref());
  server.listen({ port, host: LOOPBACK_HOST, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new IotError('INVALID_ARGUMENT', `port ${port} of the loopback cannot be had`, {
      remediation: 'end what uses it, or leave `port` out: then any free one is taken',
      cause,
    });
  }
  server.unref();
  return (server.address() as AddressInfo).port;
}

/**
 * Why a request is refused; undefined for one that is welcome. A page of a stranger names its origin. When the name of its own host leads
 * here (DNS rebinding) it names none, and asks for that host.
 */
export function strangerIn({ headers }: IncomingMessage, port: number): string | undefined {
  const { host, origin } = headers;
  if (!isOwn(host, port)) return `asked for the host ${describe(host)}`;
  if (origin !== undefined && !isOwnOrigin(origin, port)) return `came from a page of ${describe(origin)}`;
  return undefined;
}

/** Whether this is the origin of a page that this port served. Programs that are no browser name none. */
export function isOwnOrigin(origin: string | undefined, port: number): boolean {
  return origin?.startsWith('http://') === true && isOwn(origin.slice('http://'.length), port);
}

/** With the port 80 neither is named by it. */
function isOwn(host: string | undefined, port: number): boolean {
  return OWN_NAMES.some((name) => host === `${name}:${port}` || (port === 80 && host === name));
}
