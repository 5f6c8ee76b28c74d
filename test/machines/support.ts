import { createActor, fromTransition } from 'xstate';
import type {
  ConnectionFact,
  ConnectionInput,
  ConnectionPolicy,
  ConnectionPorts,
} from '../../src/machines/index.ts';
import { connectionMachine, Handle } from '../../src/machines/index.ts';
import type { BackoffPolicy } from '../../src/protocol/backoff.ts';
import { DEFAULT_BACKOFF } from '../../src/protocol/backoff.ts';
import { IotError, type IotErrorCode } from '../../src/protocol/errors.ts';
import type { SessionFacts, TransportFact } from '../../src/protocol/transport.ts';
import { placeOf, SimulatedClock } from '../../src/testing/index.ts';

export { placeOf } from '../../src/testing/index.ts';

export const error = (code: IotErrorCode): IotError => new IotError(code, `test: ${code}`);
export const failed = (code: IotErrorCode): TransportFact => ({
  type: 'transport.failed',
  error: error(code),
});
export const closed = (code: IotErrorCode = 'CONNECTION_LOST'): TransportFact => ({
  type: 'transport.closed',
  error: error(code),
});
export const session = (facts: Partial<SessionFacts> = {}): SessionFacts => ({
  sessionPresent: false,
  receiveMaximum: 100,
  ...facts,
});
export const connected = (facts: Partial<SessionFacts> = {}): TransportFact => ({
  type: 'transport.connected',
  session: session(facts),
});

/** One attempt of a transport that does nothing by itself, and remembers what was asked of it. */
class FakeAttempt {
  readonly at: number;
  readonly report: (fact: TransportFact) => void;
  goodbyes = 0;
  frees = 0;

  constructor(at: number, report: (fact: TransportFact) => void) {
    this.at = at;
    this.report = report;
  }

  get isLive(): boolean {
    return this.frees === 0;
  }

  accept(facts: Partial<SessionFacts> = {}): void {
    this.report({ type: 'transport.signedIn' });
    this.report(connected(facts));
  }
}

class FakeTransports {
  readonly attempts: FakeAttempt[] = [];
  readonly #clock: SimulatedClock;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  readonly open: ConnectionPorts['openTransport'] = (report) => {
    const attempt = new FakeAttempt(this.#clock.now(), report);
    this.attempts.push(attempt);
    return {
      disconnect: () => {
        attempt.goodbyes += 1;
      },
      free: () => {
        attempt.frees += 1;
      },
    };
  };

  /** The newest attempt. */
  get last(): FakeAttempt {
    const last = this.attempts.at(-1);
    if (last === undefined) throw new Error('nothing has dialed yet');
    return last;
  }

  get live(): number {
    return this.attempts.filter(({ isLive }) => isLive).length;
  }

  /** The time between one attempt and the next. */
  get gaps(): number[] {
    return this.attempts.slice(1).map(({ at }, index) => at - (this.attempts[index]?.at ?? 0));
  }
}

export interface ConnectionSetup {
  readonly policy?: Partial<Omit<ConnectionPolicy, 'backoff'>>;
  readonly backoff?: Partial<BackoffPolicy>;
  readonly ports?: Partial<ConnectionPorts>;
  readonly machine?: typeof connectionMachine;
}

/** A running connection machine on a simulated clock, with a fake transport and without jitter. */
export function runConnection(setup: ConnectionSetup = {}) {
  const clock = new SimulatedClock();
  const transports = new FakeTransports(clock);
  const facts: ConnectionFact[] = [];
  const listener = createActor(
    fromTransition((_, fact: ConnectionFact) => {
      facts.push(fact);
      return undefined;
    }, undefined),
  ).start();
  const input: ConnectionInput = {
    ports: new Handle<ConnectionPorts>({
      openTransport: transports.open,
      random: () => 0.5,
      now: () => clock.now(),
      ...setup.ports,
    }),
    policy: { ...setup.policy, backoff: { ...DEFAULT_BACKOFF, jitter: 'none', ...setup.backoff } },
    parent: listener,
  };
  const actor = createActor(setup.machine ?? connectionMachine, { input, clock });
  actor.start();
  return {
    actor,
    clock,
    transports,
    facts,
    get place() {
      return placeOf(actor.getSnapshot());
    },
    get told() {
      return facts.map(({ type }) => type.replace('connection.', ''));
    },
    connect: () => actor.send({ type: 'connect' }),
    disconnect: (flushTimeoutMs?: number) =>
      actor.send({ type: 'disconnect', ...(flushTimeoutMs === undefined ? {} : { flushTimeoutMs }) }),
    /** Begins, and is accepted by the broker. */
    up: (facts: Partial<SessionFacts> = {}) => {
      actor.send({ type: 'connect' });
      transports.last.accept(facts);
    },
    /** Ends the test: nothing may be left, whatever state it is in. */
    stop: () => {
      actor.stop();
      listener.stop();
    },
  };
}
