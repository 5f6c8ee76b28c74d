import { decodeRecord } from '../../src/delivery/record.ts';
import type { ClientEvents, IotClient, IotError, PublishReceipt, QueueStore } from '../../src/index.ts';
import type { ScriptedBroker } from '../../src/testing/index.ts';
import type { ClientOptions, World } from '../faults/support/world.ts';
import { MemoryDurableStore } from '../support/memory-durable-store.ts';

const UNPACED = { perSecond: Number.POSITIVE_INFINITY } as const;
const QUICK = { jitter: 'none' } as const;
/** The harness looks at one client at a time. */
export const LIVES = { except: { I4: 'what one client has accepted, the next one delivers' } };
/** The harness counts what is published until the end of the call, also when that end is a refusal. */
export const CROWDED = {
  except: { ...LIVES.except, I9: 'a publish that is refused counts until its call has ended' },
};

export const topicsOf = (broker: ScriptedBroker): string[] => broker.messages.map(({ topic }) => topic);

/** The topics of the messages that a store has, by their numbers. */
export function keptIn(store: MemoryDurableStore): string[] {
  return store.records.flatMap(({ number, value }) => {
    const found = decodeRecord(number, value);
    return typeof found === 'object' ? [found.message.topic] : [];
  });
}

/** What the next process finds when the one that has this store is killed now. */
export function killed(store: MemoryDurableStore): MemoryDurableStore {
  const next = new MemoryDurableStore();
  for (const { number, value } of store.records) next.plant(number, value);
  return next;
}

/** A client with this store; unpaced, so that time need not pass. */
export function clientOn(world: World, store: QueueStore, options: ClientOptions = {}): IotClient {
  const offlineQueue = { maxMessages: 1_000, drain: UNPACED, ...options.offlineQueue, store };
  return world.client({ reconnect: QUICK, ...options, offlineQueue });
}

export async function live(client: IotClient): Promise<IotClient> {
  await client.connect();
  await client.when('live');
  return client;
}

/** Live although the store has not answered: a line waits for a second for it. */
export async function liveBeforeStore(world: World, client: IotClient): Promise<IotClient> {
  const connecting = client.connect();
  await world.pass(1_000);
  await connecting;
  await client.when('live');
  return client;
}

/** Publishes to these topics, in order; QoS 1. */
export async function publishAll(client: IotClient, ...topics: readonly string[]): Promise<void> {
  for (const topic of topics) await client.publish(topic, topic, { qos: 1 });
}

/** What a publish has come to so far: `open`, the state of its receipt, or why it was refused. */
export function fateOf(call: Promise<PublishReceipt>): { now: string } {
  const fate = { now: 'open' };
  call.then(
    ({ state }) => {
      fate.now = state;
    },
    (reason: IotError) => {
      fate.now = reason.code;
    },
  );
  return fate;
}

/** What a client tells from now on, each as a line. */
export function eventsOf(client: IotClient): string[] {
  const told: string[] = [];
  const note = <K extends keyof ClientEvents>(event: K, line: (value: ClientEvents[K]) => string): void =>
    void client.on(event, (value) => told.push(`${event} ${line(value)}`));
  note('queued', ({ topic, queued }) => `${topic} ${queued}`);
  note('dropped', ({ topic, error }) => `${topic} ${error.code}`);
  note('undelivered', ({ topic, error }) => `${topic} ${error.code}`);
  note('recovered', ({ messages, missing }) => `${messages} ${missing}`);
  note('storeError', ({ error }) => error.code);
  return told;
}
