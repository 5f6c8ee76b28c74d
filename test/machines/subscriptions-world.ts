import { afterEach, expect } from 'vitest';
import { createActor, fromTransition } from 'xstate';
import {
  Handle,
  type SubscriptionsFact,
  type SubscriptionsPorts,
  subscriptionsMachine,
} from '../../src/machines/index.ts';
import type { FilterRequest, QoS, SubscriptionOptions } from '../../src/protocol/message.ts';
import type { FilterAnswer } from '../../src/protocol/transport.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { error, placeOf } from './support.ts';

type SubscribeWire = NonNullable<ReturnType<SubscriptionsPorts['currentWire']>>;

interface Asked {
  readonly packet: string;
  readonly requests: readonly FilterRequest[];
  readonly answer: (answers?: readonly FilterAnswer[]) => Promise<void>;
  readonly fail: (reason: unknown) => Promise<void>;
}

/** A broker that keeps every SUBSCRIBE and UNSUBSCRIBE until it is told to answer. */
class FakeBroker implements SubscribeWire {
  readonly asked: Asked[] = [];
  /** Answers by itself, as the real one does. */
  answersAtOnce = false;

  get packets(): string[] {
    return this.asked.map(({ packet }) => packet);
  }

  get last(): Asked {
    const last = this.asked.at(-1);
    if (last === undefined) throw new Error('nothing was asked');
    return last;
  }

  subscribe(requests: readonly FilterRequest[]): Promise<readonly FilterAnswer[]> {
    const asked = requests.map(({ filter, qos, ...options }) => [
      `${filter}:${qos}`,
      ...Object.keys(options),
    ]);
    return this.#ask(`SUB ${asked.map((words) => words.join('+')).join(' ')}`, requests);
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    await this.#ask(`UNSUB ${filters.join(' ')}`, []);
  }

  #ask(packet: string, requests: readonly FilterRequest[]): Promise<readonly FilterAnswer[]> {
    return new Promise((resolve, reject) => {
      const asked: Asked = {
        packet,
        requests,
        answer: (answers = requests.map(grant)) => settled(() => resolve(answers)),
        fail: (reason) => settled(() => reject(reason)),
      };
      this.asked.push(asked);
      if (this.answersAtOnce) void asked.answer();
    });
  }
}

export const grant = ({ filter, qos }: FilterRequest): FilterAnswer => ({ filter, grantedQos: qos });
export const refuse = (filter: string): FilterAnswer => ({ filter, error: error('SUBSCRIPTION_REFUSED') });

/** Lets the promise between broker and machine settle. */
export async function settled(settle: () => void): Promise<void> {
  settle();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

function runSubscriptions() {
  const clock = new SimulatedClock();
  const broker = new FakeBroker();
  const facts: SubscriptionsFact[] = [];
  const world: { wire: SubscribeWire | undefined } = { wire: broker };
  const listener = createActor(
    fromTransition((_, fact: SubscriptionsFact) => {
      facts.push(fact);
      return undefined;
    }, undefined),
  ).start();
  const ports = new Handle<SubscriptionsPorts>({ currentWire: () => world.wire });
  const actor = createActor(subscriptionsMachine, { clock, input: { ports, parent: listener } }).start();
  return {
    actor,
    clock,
    broker,
    world,
    facts,
    get told() {
      return facts.map((fact) =>
        [fact.type, 'filter' in fact ? fact.filter : '', 'qos' in fact ? fact.qos : ''].join(' ').trim(),
      );
    },
    get place() {
      return placeOf(actor.getSnapshot());
    },
    get wanted() {
      return Object.fromEntries(actor.getSnapshot().context.wanted);
    },
    subscribe: (filter: string, qos: QoS = 0, options?: SubscriptionOptions) =>
      actor.send({ type: 'subscribe', filter, qos, ...(options && { options }) }),
    poison: (filter: string) =>
      actor.send({ type: 'filter.poisoned', filter, error: error('POISON_SUBSCRIPTION') }),
    unsubscribe: (filter: string) => actor.send({ type: 'unsubscribe', filter }),
    begin: (sessionPresent = false, filtersPerSubscribe?: number) =>
      actor.send({
        type: 'session.started',
        sessionPresent,
        ...(filtersPerSubscribe && { filtersPerSubscribe }),
      }),
    end: () => actor.send({ type: 'session.ended' }),
    stop: () => {
      actor.stop();
      listener.stop();
    },
  };
}

/** Runs machines for the tests of a file. After each test they are stopped, and no timer may be left. */
export function useSubscriptions(): () => ReturnType<typeof runSubscriptions> {
  const runs: ReturnType<typeof runSubscriptions>[] = [];
  afterEach(() => {
    for (const it of runs.splice(0)) {
      it.stop();
      expect(it.clock.pending).toBe(0);
    }
  });
  return () => {
    const it = runSubscriptions();
    runs.push(it);
    return it;
  };
}
