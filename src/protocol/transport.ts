import type { IotError } from './errors.ts';
import type { FilterRequest, OutgoingMessage, QoS } from './message.ts';

/** What CONNACK told about the session that it opened. */
export interface SessionFacts {
  /** Whether the broker still had this client's session (MQTT-3.2.2-1). */
  readonly sessionPresent: boolean;
  /** How many QoS 1 publishes may be unacknowledged at a time. 65,535 when the broker did not say. */
  readonly receiveMaximum: number;
  /** When the line must be renewed, counted from CONNACK; absent when it may last for ever. */
  readonly lifetimeMs?: number;
  /** The id that the broker chose, because CONNECT had none (MQTT 5, 3.2.2.3.7). */
  readonly assignedClientId?: string;
  /** The keep-alive that the broker set in place of the one asked for (MQTT 5, 3.2.2.3.14). */
  readonly serverKeepAliveSeconds?: number;
  /** How the new line is to be used, because something closed its predecessors. Absent on an ordinary line. */
  readonly caution?: Caution;
}

/** What the early-close classifier asks of the next line, so that it can tell who closes it. */
export interface Caution {
  /** Nothing is sent for so long: a line that ends in that time was closed by none of the suspects. */
  readonly quietMs: number;
  /** No SUBSCRIBE has more filters. */
  readonly filtersPerSubscribe: number;
}

/** How a line ended, as far as its two ends can tell. */
export interface LineEnd {
  readonly error: IotError;
  /** `closed`: the broker said DISCONNECT or FIN. `reset`: RST. `givenUp`: from here, whyever. */
  readonly how: 'closed' | 'reset' | 'givenUp';
  /** The filters of each SUBSCRIBE that had no SUBACK. */
  readonly unansweredFilters: readonly string[];
}

/** The broker's answer to one filter of a SUBSCRIBE. */
export type FilterAnswer =
  | { readonly filter: string; readonly grantedQos: QoS }
  | { readonly filter: string; readonly error: IotError };

/**
 * The packets that a live line can carry. It exists from CONNACK to the end of the line; after that it carries nothing
 * and calls nothing back, except that its open promises reject.
 */
export interface Wire {
  /** How many QoS 1 publishes may be unacknowledged at a time; whoever publishes more breaks the protocol. */
  readonly receiveMaximum: number;
  /**
   * Writes one PUBLISH. `done` is called once: for QoS 0 when the socket has taken it, for QoS 1 at its PUBACK, with an
   * error when the broker refused it. It is never called after the line has ended.
   *
   * @returns how many bytes it is on the wire; 0 when it was not written
   */
  publish(message: OutgoingMessage, done: (error?: IotError) => void): number;
  /** One SUBSCRIBE, at most 8 filters. Resolves at SUBACK, one answer a filter, in order; rejects when the line ends. */
  subscribe(requests: readonly FilterRequest[]): Promise<readonly FilterAnswer[]>;
  /** One UNSUBSCRIBE, at most 8 filters. Resolves at UNSUBACK; rejects when the line ends. */
  unsubscribe(filters: readonly string[]): Promise<void>;
}

/** A wire in the hands of those who write to it. */
export interface AttachedWire {
  /** Goes into the session's facts. */
  readonly caution?: Caution;
  /** Takes the wire back, when the line has ended. Returns why it really did: the line reports that. */
  detach(end: LineEnd): IotError;
}

/** Gives a wire to those who write to it, at CONNACK. */
export type AttachWire = (wire: Wire) => AttachedWire;

/** What a transport tells the connection machine. Facts, in the order in which they may come. */
export type TransportFact =
  /** Certificates are read, credentials are there: the next thing is the network. */
  | { readonly type: 'transport.signedIn' }
  /** CONNACK accepted the session; the wire is attached. */
  | { readonly type: 'transport.connected'; readonly session: SessionFacts }
  /** The attempt ended before CONNACK. Nothing follows. */
  | { readonly type: 'transport.failed'; readonly error: IotError }
  /**
   * The line ended after CONNACK; the wire is detached. Nothing follows. `isMended`: what closed it was found, and will not
   * be sent again.
   */
  | { readonly type: 'transport.closed'; readonly error: IotError; readonly isMended?: boolean };

/** One attempt at a line, and the line that it became. */
export interface TransportLine {
  /** Sends DISCONNECT and closes; `transport.closed` follows. Before CONNACK it only closes. */
  disconnect(): void;
  /** Frees socket, timers and wire at once, from any state. No fact follows. Calling it twice is harmless. */
  free(): void;
}

/**
 * Opens one attempt: signs in, dials, waits for CONNACK. Reports exactly one of `transport.connected` and
 * `transport.failed`, and after `connected` exactly one `transport.closed`. It keeps no deadline for the attempt:
 * the connection machine does, and calls `free()`.
 *
 * `previous` is why the attempt or the line before this one ended: a sign-in that was refused must not be tried again as it
 * was. Absent for the first attempt, and after a planned end.
 */
export type OpenTransport = (report: (fact: TransportFact) => void, previous?: IotError) => TransportLine;
