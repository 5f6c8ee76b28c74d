import { systemClock } from '../protocol/clock.ts';
import type { DisconnectReason } from './connection.ts';

/** A session as AWS's lifecycle events tell of it. */
export interface PresenceOf {
  readonly clientId: string;
  readonly sessionIdentifier: string;
  readonly principalIdentifier: string;
  readonly ipAddress: string;
  readonly versionNumber: number;
}

/**
 * Publishes lifecycle events as AWS IoT Core does
 * (https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html): same topics, same keys, same order.
 */
export class Presence {
  readonly #publish: (topic: string, payload: string) => void;
  readonly #versions = new Map<string, number>();

  constructor(publish: (topic: string, payload: string) => void) {
    this.#publish = publish;
  }

  /** The number of a client's next session. Its connect and its disconnect share it. */
  nextVersion(clientId: string): number {
    const version = this.#versions.get(clientId) ?? 0;
    this.#versions.set(clientId, version + 1);
    return version;
  }

  connected(of: PresenceOf): void {
    this.#tell(of, 'presence/connected', {
      clientId: of.clientId,
      timestamp: now(),
      eventType: 'connected',
      sessionIdentifier: of.sessionIdentifier,
      principalIdentifier: of.principalIdentifier,
      ipAddress: of.ipAddress,
      versionNumber: of.versionNumber,
    });
  }

  disconnected(of: PresenceOf, reason: DisconnectReason): void {
    this.#tell(of, 'presence/disconnected', {
      clientId: of.clientId,
      timestamp: now(),
      eventType: 'disconnected',
      sessionIdentifier: of.sessionIdentifier,
      principalIdentifier: of.principalIdentifier,
      clientInitiatedDisconnect: reason === 'CLIENT_INITIATED_DISCONNECT',
      disconnectReason: reason,
      versionNumber: of.versionNumber,
    });
  }

  subscriptions(of: PresenceOf, eventType: 'subscribed' | 'unsubscribed', topics: readonly string[]): void {
    this.#tell(of, `subscriptions/${eventType}`, {
      clientId: of.clientId,
      timestamp: now(),
      eventType,
      sessionIdentifier: of.sessionIdentifier,
      principalIdentifier: of.principalIdentifier,
      topics,
    });
  }

  #tell({ clientId }: PresenceOf, kind: string, event: Record<string, unknown>): void {
    // Such a client id cannot stand in a topic.
    if (/[#+]/.test(clientId)) return;
    this.#publish(`$aws/events/${kind}/${clientId}`, JSON.stringify(event));
  }
}

function now(): number {
  return Math.round(systemClock.now());
}
