import type { Duplex } from 'node:stream';
import type { Clock } from '../protocol/clock.ts';
import type { IotError } from '../protocol/errors.ts';
import type { Credentials } from './credentials.ts';

/** PEM text, or the path of a PEM file. Text that contains `-----BEGIN` is PEM, all other text is a path. */
export type PemSource = string | Uint8Array;

/** A stream that is ready for MQTT bytes: TCP is connected and, where there is TLS, the handshake is done. */
export interface OpenedStream {
  /** MQTT bytes go in and come out. Whoever has it destroys it. */
  readonly stream: Duplex;
  /** Bytes that came over the network so far, TLS included: also half of a large record is a sign of life. */
  readonly bytesRead: () => number;
  /** What CONNECT signs in with, when the stream alone does not. */
  readonly credentials?: Credentials;
  /**
   * For how long from now the line may last, in milliseconds; asked once, at CONNACK. Before it is over the line is given up for
   * a new one, in a planned way. Absent when it may last for ever.
   */
  readonly lifetimeMs?: () => number;
}

/**
 * Dials once. Rejects with what Node reported; whoever calls it gives that its meaning. An aborted signal destroys the
 * socket that is being made, and nothing else.
 */
export type OpenStream = (signal: AbortSignal) => Promise<OpenedStream>;

/** Where a client connects to, as its options say. */
export interface ConnectTarget {
  readonly endpoint: string;
  readonly port: number;
  /** The authorities that the server's certificate must come from: a path, or PEM. Default: Node's own roots. */
  readonly ca?: PemSource;
}

/** What a sign-in may know of the connection it is for. */
export interface SignInContext extends ConnectTarget {
  /** Aborted when the attempt ends otherwise: what is under way has to end with it. */
  readonly signal: AbortSignal;
  /** For deadlines: it is monotonic, so it is not the time of day. */
  readonly clock: Clock;
  /** The time of day, for certificate dates, signatures and the expiry of credentials. */
  readonly wallClock: () => number;
  /** Why the attempt or the line before this one ended: credentials that were refused must not be used again. */
  readonly previous?: IotError;
  /** The longest packet that is taken, so that a frame around packets needs a bound too. Default: what MQTT allows. */
  readonly maximumPacketBytes?: number;
  /** Told what is unsafe but does not hinder, such as a key file that others can read. */
  readonly warn?: (message: string) => void;
}

/**
 * A way to sign in. Opaque: its secrets live in private fields, so that printing, serialising or cloning it shows
 * its kind and nothing else.
 */
export interface Authentication {
  readonly kind: 'mutualTls' | 'plainTcp' | 'sigV4' | 'customAuthorizer';
  /** The port when the options name none. */
  defaultPort(): number;
  /** Throws `INVALID_ARGUMENT` when this way to sign in cannot or must not be used for this endpoint, port or `ca`. */
  validate(target: ConnectTarget): void;
  /** Gets everything ready that needs no connection to the broker. Called anew for each attempt. */
  signIn(context: SignInContext): Promise<OpenStream>;
}
