import { afterEach, expect } from 'vitest';
import { createActor } from 'xstate';
import {
  Handle,
  type ShadowOperationEvent,
  type ShadowOperationInput,
  type ShadowOperationPorts,
  type ShadowOutcome,
  shadowOperationMachine,
} from '../../src/machines/index.ts';
import { ShadowRejectedError } from '../../src/protocol/shadow-rejection.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { placeOf } from './support.ts';

export const rejected = (code: number, operation: 'get' | 'update' | 'delete' = 'update') =>
  ({
    type: 'response.rejected',
    error: new ShadowRejectedError(operation, { code, message: `test ${code}` }),
  }) as const;
export const accepted = (version = 3) => ({ type: 'response.accepted', version }) as const;

type Setup = Partial<Omit<ShadowOperationInput, 'ports'>> & {
  readonly ports?: Partial<ShadowOperationPorts>;
};

/** A running operation whose ports do nothing by themselves: what they gave out, and has not come back, is `held`. */
function runOperation({ ports = {}, ...input }: Setup = {}) {
  const clock = new SimulatedClock();
  const held = new Set<string>();
  const log: string[] = [];
  const outcomes: ShadowOutcome[] = [];
  const hold = (name: string): (() => void) => {
    expect(held.has(name), `${name} is held already`).toBe(false);
    held.add(name);
    log.push(name);
    return () => {
      held.delete(name);
      log.push(`${name} ended`);
    };
  };
  const actor = createActor(shadowOperationMachine, {
    clock,
    input: {
      kind: 'update',
      keepsTopics: true,
      ...input,
      ports: new Handle<ShadowOperationPorts>({
        watchLine: () => hold('line'),
        takeSlot: () => hold('slot'),
        listen: () => hold('topics'),
        publish: () => hold('publish'),
        onReleased: () => hold('release'),
        random: () => 0,
        ...ports,
      }),
    },
  });
  actor.on('operation.ended', ({ outcome }) => {
    log.push('told');
    outcomes.push(outcome);
  });
  const send = (...events: (ShadowOperationEvent | ShadowOperationEvent['type'])[]): void => {
    for (const event of events)
      actor.send((typeof event === 'string' ? { type: event } : event) as ShadowOperationEvent);
  };
  actor.start();
  return {
    actor,
    clock,
    held,
    log,
    outcomes,
    send,
    get place() {
      return placeOf(actor.getSnapshot());
    },
    /** The only outcome. */
    get outcome() {
      expect(outcomes).toHaveLength(1);
      return outcomes[0] as ShadowOutcome;
    },
    get error() {
      const { outcome } = this;
      if (outcome.type === 'accepted') throw new Error('it was accepted');
      return outcome.error;
    },
    get published() {
      return log.filter((entry) => entry === 'publish').length;
    },
    /** Up to the wire. */
    sent: () => send('line.up', 'slot.taken', 'topics.granted', 'request.sent'),
  };
}

/** Runs operations for the tests of a file. After each test they are stopped: nothing may be held, and no timer run. */
export function useOperations(): (setup?: Setup) => ReturnType<typeof runOperation> {
  const runs: ReturnType<typeof runOperation>[] = [];
  afterEach(() => {
    for (const it of runs.splice(0)) {
      expect(it.actor.getSnapshot().status).not.toBe('error');
      it.actor.stop();
      expect({ held: [...it.held], timers: it.clock.pending }).toEqual({ held: [], timers: 0 });
      expect(it.outcomes.length).toBeLessThanOrEqual(1);
    }
  });
  return (setup) => {
    const it = runOperation(setup);
    runs.push(it);
    return it;
  };
}
