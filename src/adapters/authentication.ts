import type { Duplex } from 'node:stream';
import type { Credentials } from './credentials.ts';

/** PEM text, or the path of a PEM file. Text that contains `-----BEGIN` is PEM, all other text is a path. */
export type PemSource = string | Uint8Array;

/** A stream that is ready for MQTT bytes: TCP is connected and, where there is TLS, the handshake is done. */
export interface OpenedStream {
  readonly stream: Duplex;
  /** Bytes that came over the network so far, TLS included: also half of a large record is a sign of life. */
  readonly bytesRead: () => number;
  /** What CONNECT signs in with, when the stream alone does not. */
  readonly credentials?: Credentials;
}

/**
 * Dials once. Rejects with what Node reported; whoever calls it gives that its meaning. An aborted signal destroys the
 * socket that is being made, and nothing else.
 */
export type OpenStream = (signal: AbortSignal) => Promise<OpenedStream>;

/** What a sign-in may know of the connection it is for. */
export interface SignInContext {
  readonly endpoint: string;
  readonly port: number;
  /** The authorities that the server's certificate must come from: a path, or PEM. Default: Node's own roots. */
  readonly ca?: PemSource;
  readonly signal: AbortSignal;
  /** The time of day, for certificate dates. */
  readonly wallClock: () => number;
  /** Told what is unsafe but does not hinder, such as a key file that others can read. */
  readonly warn?: (message: string) => void;
}

/**
 * A way to sign in. Opaque: its secrets live in private fields, so that printing, serialising or cloning it shows
 * its kind and nothing else.
 */
export interface Authentication {
  readonly kind: 'mutualTls' | 'plainTcp';
  /** The port when the options name none. */
  defaultPort(): number;
  /** Throws `INVALID_ARGUMENT` when this way to sign in cannot or must not be used for this endpoint. */
  validate(endpoint: string, port: number): void;
  /** Gets everything ready that needs no connection to the broker. Called anew for each attempt. */
  signIn(context: SignInContext): Promise<OpenStream>;
}
