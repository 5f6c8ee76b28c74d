import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { OpenedStream } from './authentication.ts';

const ignore = (): void => {};

/** Opens a TCP connection. Node resolves the name anew and races IPv6 against IPv4 (`autoSelectFamily`). */
export async function openTcp(host: string, port: number, signal: AbortSignal): Promise<net.Socket> {
  signal.throwIfAborted();
  const socket = net.connect({ host, port, noDelay: true });
  await untilReady(socket, 'connect', signal);
  return socket;
}

/** What differs from one TLS connection to the next. All of it is decided by the sign-in. */
export interface TlsSettings {
  readonly secureContext: tls.SecureContext;
  readonly alpn?: string;
}

/**
 * Opens TCP, then TLS on it. The server's chain and name are always verified, whatever NODE_TLS_REJECT_UNAUTHORIZED
 * says. TCP is dialed apart, because only its socket counts the bytes of unfinished TLS records.
 */
export async function openTls(
  host: string,
  port: number,
  settings: TlsSettings,
  signal: AbortSignal,
): Promise<OpenedStream> {
  const tcp = await openTcp(host, port, signal);
  const stream = tls.connect({
    socket: tcp,
    host,
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(settings.alpn === undefined ? {} : { ALPNProtocols: [settings.alpn] }),
    secureContext: settings.secureContext,
    rejectUnauthorized: true,
  });
  await untilReady(stream, 'secureConnect', signal);
  return { stream, bytesRead: () => tcp.bytesRead };
}

/**
 * Resolves at `event`, rejects at the first error, at a close, or when the signal aborts; destroys the stream unless it
 * resolved. The listener for late errors stays: an error without a listener ends the process.
 */
function untilReady(stream: Duplex, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void): void => {
      stream.off(event, ready).off('error', fail).off('close', closed);
      signal.removeEventListener('abort', aborted);
      how();
    };
    const ready = (): void => settle(resolve);
    const fail = (error: Error): void =>
      settle(() => {
        stream.destroy();
        reject(error);
      });
    const closed = (): void => fail(Object.assign(new Error('closed while opening'), { code: 'ECONNRESET' }));
    const aborted = (): void => fail(signal.reason as Error);
    stream.on('error', ignore).on(event, ready).on('error', fail).on('close', closed);
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
  });
}
