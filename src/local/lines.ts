import type { Socket } from 'node:net';

import type { Changes } from '../protocol/changes.ts';
import type { Clock } from '../protocol/clock.ts';
import { describe } from '../protocol/errors.ts';
import type { Broker } from './broker.ts';
import { ConnectRate } from './connect-rate.ts';
import { type Accepted, Connection, type ConnectionPorts } from './connection.ts';
import type { FaultTarget } from './faults.ts';
import type { Gate } from './gate.ts';
import type { LocalIotCoreLimits } from './limits.ts';
import type { Policy } from './policy.ts';
import type { TapRecord } from './tap.ts';
import type { LocalIotCoreWarning } from './warning.ts';

/** An open TCP socket. Its client id is known once CONNECT was seen. */
export interface OpenConnection {
  readonly clientId: string | undefined;
  /** Of the client's socket. */
  readonly remotePort: number;
}

export interface LinePorts {
  readonly broker: Broker;
  readonly policy: Policy;
  readonly limits: LocalIotCoreLimits;
  readonly changes: Changes;
  readonly gate: Gate;
  readonly clock: Clock;
  record(record: TapRecord): void;
  warn(warning: LocalIotCoreWarning): void;
}

/** Room beside the payload for the rest of a PUBLISH: header, topic, packet id. */
const PACKET_OVERHEAD = 64 * 1024;

/** Every open socket of the core's clients, and what it became once MQTT could begin. */
export class Lines {
  readonly #ports: LinePorts;
  readonly #connectionPorts: ConnectionPorts;
  readonly #sockets = new Map<Socket, Connection | undefined>();
  readonly #connections = new Set<Connection>();
  #connectionCount = 0;

  constructor(ports: LinePorts) {
    this.#ports = ports;
    const { limits, policy, changes, clock, gate } = ports;
    this.#connectionPorts = {
      gate,
      limits,
      clock,
      connectRate: new ConnectRate(limits.connectsPerSecondPerClientId, clock),
      admit: (from, facts) => policy.judge(from, facts),
      record: (record) => ports.record(record),
      identified: () => changes.changed(),
      limited: ({ clientId }, what) => {
        ports.warn({
          code: 'LIMITED',
          clientId,
          message: `client ${describe(clientId ?? '(unknown)')} ${what}`,
        });
      },
      gone: (gone) => this.#connections.delete(gone),
    };
  }

  get open(): readonly OpenConnection[] {
    return [...this.#sockets]
      .filter(([socket]) => !socket.destroyed)
      .map(([socket, connection]) => ({
        clientId: connection?.clientId,
        remotePort: socket.remotePort ?? 0,
      }));
  }

  /** A socket was accepted. */
  opened(socket: Socket): void {
    this.#sockets.set(socket, undefined);
    this.#ports.changes.changed();
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#ports.changes.changed();
    });
  }

  /** It may carry MQTT. */
  accepted(accepted: Accepted): void {
    this.#connectionCount += 1;
    const { limits, broker } = this.#ports;
    const maxPacketBytes = limits.payloadBytes + PACKET_OVERHEAD;
    const connection = new Connection(this.#connectionCount, accepted, maxPacketBytes, this.#connectionPorts);
    this.#connections.add(connection);
    this.#sockets.set(accepted.socket, connection);
    broker.handle(connection);
  }

  /** Resets sockets; resolves when they are closed and the broker knows. */
  async cut({ clientId }: FaultTarget = {}): Promise<void> {
    const doomed = [...this.#connections].filter(
      (connection) => clientId === undefined || connection.clientId === clientId,
    );
    const ended = this.#ports.broker.ended(doomed);
    for (const connection of doomed) connection.cut();
    const closing = [...this.#sockets.keys()].filter(({ destroyed }) => destroyed);
    if (clientId === undefined) {
      for (const [socket, connection] of this.#sockets) {
        // Still in its handshake, or in HTTP.
        if (connection === undefined) socket.resetAndDestroy();
        closing.push(socket);
      }
    }
    await Promise.all([ended, ...closing.map((socket) => this.#closed(socket))]);
  }

  #closed(socket: Socket): Promise<void> {
    if (!this.#sockets.has(socket)) return Promise.resolve();
    return new Promise((resolve) => socket.once('close', () => resolve()));
  }
}
