import { systemClock, type Timer } from '../protocol/clock.ts';
import { invalid } from '../protocol/errors.ts';
import type { Gate, Rule, Verdict } from './gate.ts';
import { refusal, type TappedPacket } from './packet.ts';
import type { ShadowFaults } from './shadow-faults.ts';

/** Whom a fault is for. */
export interface FaultTarget {
  /** Only this client. Left out: all, also those that have not said who they are. */
  readonly clientId?: string;
}

export interface FaultPorts {
  readonly gate: Gate;
  readonly shadows: ShadowFaults;
  /** Resets connections; resolves when the broker knows. */
  cut(target: FaultTarget): Promise<void>;
  stopListening(): void;
  listen(): Promise<void>;
}

/** The ways in which the local core can be made to misbehave. */
export class Faults {
  readonly #ports: FaultPorts;
  readonly #frozen: FrozenLines;
  readonly #connack: DelayedConnack;
  readonly #refused: RefusedConnects;
  #refusedUpgrades = { status: 0, times: 0 };
  #clockSkewMs = 0;

  /** @internal */
  constructor(ports: FaultPorts) {
    this.#ports = ports;
    this.#frozen = new FrozenLines(ports.gate);
    this.#connack = new DelayedConnack(ports.gate);
    this.#refused = new RefusedConnects();
    for (const rule of [this.#frozen, this.#connack, this.#refused]) ports.gate.add(rule);
  }

  /** Resets connections (RST), at once and whatever waits on them. Resolves when the broker has noticed. */
  dropConnections(target: FaultTarget = {}): Promise<void> {
    return this.#ports.cut(target);
  }

  /**
   * Makes connections half-open, those to come included: sockets stay as they are, and nothing comes through in either
   * direction, not even the end of one. Sockets, TLS and WebSockets can still be opened.
   */
  freeze(target: FaultTarget = {}): void {
    this.#frozen.freeze(target.clientId);
  }

  /** Ends {@link freeze}: everything that was under way arrives. Without a client id it ends all freezing. */
  thaw(target: FaultTarget = {}): void {
    this.#frozen.thaw(target.clientId);
  }

  /**
   * Answers the next CONNECTs with this CONNACK return code and closes.
   *
   * @param refused.times how many; 0 ends it. Default: all from now on.
   */
  refuse(refused: { readonly returnCode: number; readonly times?: number } | { readonly times: 0 }): void {
    const { returnCode = 0, times = Number.POSITIVE_INFINITY } = refused as {
      returnCode?: number;
      times?: number;
    };
    if (times > 0 && !(Number.isInteger(returnCode) && returnCode >= 1 && returnCode <= 255)) {
      throw invalid('returnCode', 'a whole number from 1 to 255', returnCode);
    }
    this.#refused.refuse(returnCode, times);
  }

  /** Holds each CONNACK back for so long. 0 ends it for those to come. */
  delayConnack(delayMs: number): void {
    if (!(delayMs >= 0)) throw invalid('delayMs', 'a number from 0', delayMs);
    this.#connack.delayMs = delayMs;
  }

  /**
   * Answers the next upgrades to a WebSocket with this HTTP status.
   *
   * @param refused.times how many; 0 ends it. Default: all from now on.
   */
  refuseUpgrades(
    refused: { readonly status: number; readonly times?: number } | { readonly times: 0 },
  ): void {
    const { status = 0, times = Number.POSITIVE_INFINITY } = refused as { status?: number; times?: number };
    if (times > 0 && !(Number.isInteger(status) && status >= 300 && status <= 599)) {
      throw invalid('status', 'a whole number from 300 to 599', status);
    }
    this.#refusedUpgrades = { status, times };
  }

  /** Puts the core's clock ahead by so much, or behind when negative: signatures and keys are judged by it. 0 ends it. */
  skewClock(skewMs: number): void {
    if (!Number.isFinite(skewMs)) throw invalid('skewMs', 'a number', skewMs);
    this.#clockSkewMs = skewMs;
  }

  /**
   * Says everything that the shadow service says so much later: answers, deltas and documents. What was asked for is done at
   * once. 0 ends it for those to come.
   */
  delayShadows(delayMs: number): void {
    this.#ports.shadows.delay(delayMs);
  }

  /**
   * Refuses the next requests about shadows, over MQTT and HTTP, with this code of AWS.
   *
   * @param failed.message Default: what AWS says.
   * @param failed.times how many; 0 ends it. Default: all from now on.
   */
  failShadows(
    failed:
      | { readonly code: number; readonly message?: string; readonly times?: number }
      | { readonly times: 0 },
  ): void {
    const {
      code = 0,
      message,
      times = Number.POSITIVE_INFINITY,
    } = failed as {
      code?: number;
      message?: string;
      times?: number;
    };
    this.#ports.shadows.fail(code, message, times);
  }

  /**
   * Does what the next requests about shadows ask for, over MQTT, and answers nothing.
   *
   * @param lost how many `times`; 0 ends it. Default: all from now on.
   */
  loseShadowAnswers({ times = Number.POSITIVE_INFINITY }: { readonly times?: number } = {}): void {
    this.#ports.shadows.loseAnswers(times);
  }

  /** Closes the ports: dialling is refused (ECONNREFUSED). The connections that are there stay. */
  stopListening(): void {
    this.#ports.stopListening();
  }

  /** Opens the same ports again. */
  listen(): Promise<void> {
    return this.#ports.listen();
  }

  /** The time of day, as this core knows it. @internal */
  wallClock(): number {
    return Date.now() + this.#clockSkewMs;
  }

  /** The HTTP status to refuse an upgrade with that came now. @internal */
  takeUpgradeRefusal(): number | undefined {
    const { status, times } = this.#refusedUpgrades;
    if (times <= 0) return undefined;
    this.#refusedUpgrades = { status, times: times - 1 };
    return status;
  }

  /** @internal */
  close(): void {
    this.#connack.close();
  }
}

class FrozenLines implements Rule {
  readonly #gate: Gate;
  readonly #clients = new Set<string>();
  #all = false;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  freeze(clientId: string | undefined): void {
    if (clientId === undefined) this.#all = true;
    else this.#clients.add(clientId);
  }

  thaw(clientId: string | undefined): void {
    if (clientId === undefined) {
      this.#all = false;
      this.#clients.clear();
    } else {
      this.#clients.delete(clientId);
    }
    this.#gate.changed();
  }

  decide({ clientId }: TappedPacket): Verdict {
    return this.#all || (clientId !== undefined && this.#clients.has(clientId)) ? 'wait' : 'pass';
  }
}

class DelayedConnack implements Rule {
  delayMs = 0;
  readonly #gate: Gate;
  readonly #timers = new Map<TappedPacket, Timer>();

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  entered(packet: TappedPacket): void {
    if (packet.packet !== 'connack' || this.delayMs === 0) return;
    const arrive = (): void => {
      this.#timers.delete(packet);
      this.#gate.changed();
    };
    this.#timers.set(packet, systemClock.setTimeout(arrive, this.delayMs));
  }

  decide(packet: TappedPacket): Verdict {
    return this.#timers.has(packet) ? 'wait' : 'pass';
  }

  left(packet: TappedPacket): void {
    const timer = this.#timers.get(packet);
    if (timer === undefined) return;
    systemClock.clearTimeout(timer);
    this.#timers.delete(packet);
  }

  close(): void {
    for (const timer of this.#timers.values()) systemClock.clearTimeout(timer);
    this.#timers.clear();
  }
}

class RefusedConnects implements Rule {
  #returnCode = 0;
  #times = 0;

  refuse(returnCode: number, times: number): void {
    this.#returnCode = returnCode;
    this.#times = times;
  }

  decide({ packet, protocolVersion = 4 }: TappedPacket): Verdict {
    if (packet !== 'connect' || this.#times <= 0) return 'pass';
    return { answer: refusal(this.#returnCode, protocolVersion) };
  }

  left({ packet }: TappedPacket): void {
    if (packet === 'connect' && this.#times > 0) this.#times -= 1;
  }
}
