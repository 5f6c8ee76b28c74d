import { afterAll, beforeAll } from 'vitest';
import { createIotClient, type IotClient, type IotClientOptions, type Shadow } from '../../src/index.ts';
import type { LocalIotCore, TapRecord } from '../../src/local/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import type { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { freshId, judged, settled } from './support.ts';

export type Operation = 'get' | 'update' | 'delete';

/** What all topics of a classic shadow begin with, or of a named one. */
export function prefixOf(thingName: string, name?: string): string {
  return `$aws/things/${thingName}/shadow${name === undefined ? '' : `/name/${name}`}`;
}

/** What SUBSCRIBE and UNSUBSCRIBE of a client said, in order: `+filter` and `-filter`, without the prefix of the shadow. */
export function asked(core: LocalIotCore, clientId: string, thingName: string): string[] {
  const prefix = `${prefixOf(thingName)}/`;
  return core.tap
    .packets({ direction: 'toBroker', clientId })
    .filter(({ packet }) => packet === 'subscribe' || packet === 'unsubscribe')
    .flatMap(({ packet, filters = [] }: TapRecord) =>
      filters
        .filter((filter) => filter.startsWith(prefix))
        .map((filter) => `${packet === 'subscribe' ? '+' : '-'}${filter.slice(prefix.length)}`),
    );
}

/** How often a client has published to a topic of a shadow. */
export function published(core: LocalIotCore, thingName: string, operation: Operation): number {
  return core.tap.packets({
    direction: 'toBroker',
    packet: 'publish',
    topic: `${prefixOf(thingName)}/${operation}`,
  }).length;
}

/** The filters that the broker has for a client now. */
export function hadBy(core: LocalIotCore, clientId: string): string[] {
  const client = core.clients.find((one) => one.clientId === clientId);
  return (client?.subscriptions ?? []).map(({ filter }) => filter).sort();
}

/** The machine of a shadow as it is now. */
export function machineOf(client: IotClient, shadow: Pick<Shadow<unknown>, 'thingName' | 'name'>) {
  const { thingName, name } = shadow;
  const children = actorOf(client).getSnapshot().children as Record<
    string,
    { getSnapshot(): { value: unknown; context: { operations: number; unmatched: number } } } | undefined
  >;
  const actor = children[`shadow/${name === undefined ? thingName : `${thingName}/${name}`}`];
  if (actor === undefined) throw new Error('the shadow has no machine');
  return actor.getSnapshot();
}

/** A request as the broker got it. */
export interface Request {
  readonly clientToken: string;
  readonly state?: unknown;
  readonly version?: number;
}

/** A shadow whose part in the cloud is played by hand, on a broker that knows nothing of shadows. */
export class HandPlayed {
  readonly broker: ScriptedBroker;
  readonly thingName: string;
  readonly prefix: string;

  constructor(broker: ScriptedBroker, thingName: string) {
    this.broker = broker;
    this.thingName = thingName;
    this.prefix = prefixOf(thingName);
  }

  requests(operation: Operation): Request[] {
    return this.broker.messages
      .filter(({ topic }) => topic === `${this.prefix}/${operation}`)
      .map(({ payload }) => JSON.parse(payload.toString()) as Request);
  }

  /** The nth request of a kind, once it has come. */
  async request(operation: Operation, nth = 1): Promise<Request> {
    await this.broker.when(() => this.requests(operation).length >= nth);
    return this.requests(operation)[nth - 1] as Request;
  }

  /** Says something as AWS would, and waits until the client has it. */
  async say(kind: string, body: object | string | Uint8Array): Promise<void> {
    const payload = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    this.broker.publish(`${this.prefix}/${kind}`, payload);
    await settled();
  }

  /** Answers the nth get with a document. */
  async gives(document: object, nth = 1): Promise<void> {
    const { clientToken } = await this.request('get', nth);
    await this.say('get/accepted', { timestamp: 1, metadata: {}, ...document, clientToken });
  }
}

/** A broker for the tests of a file that is played by hand. */
export function useHandPlayed(): () => ScriptedBroker {
  let broker: ScriptedBroker | undefined;
  beforeAll(async () => {
    broker = await ScriptedBroker.start();
  });
  afterAll(() => broker?.stop());
  return () => broker!;
}

/** A client with a shadow that is played by hand; with a clock its time stands still. */
export async function handPlayed(
  broker: ScriptedBroker,
  options: Partial<IotClientOptions> = {},
): Promise<{ client: IotClient; cloud: HandPlayed; clock: SimulatedClock | undefined }> {
  const clientId = freshId();
  const clock = options.clock as SimulatedClock | undefined;
  const client = judged(
    createIotClient({
      ...broker.clientOptions(clientId),
      reconnect: { baseMs: 5, maxMs: 20, jitter: 'none' },
      random: () => 0,
      ...options,
    }),
    clock,
  );
  await client.connect();
  await client.when('live');
  return { client, cloud: new HandPlayed(broker, `thing-of-${clientId}`), clock };
}

/** Resolves as soon as the local copy is as asked. The shadow is watched until then. */
export function whenState<T>(
  shadow: Shadow<T>,
  isTrue: (state: Shadow<T>['state']) => boolean,
): Promise<Shadow<T>['state']> {
  if (isTrue(shadow.state)) return Promise.resolve(shadow.state);
  return new Promise((resolve) => {
    const stop = shadow.onState((state) => {
      if (!isTrue(state)) return;
      stop();
      resolve(state);
    });
  });
}

/** A list that can be waited for. */
export class Heard<V> {
  readonly all: V[] = [];
  readonly #waiting: { readonly isTrue: () => boolean; readonly resolve: () => void }[] = [];

  readonly push = (value: V): void => {
    this.all.push(value);
    for (const { isTrue, resolve } of this.#waiting) if (isTrue()) resolve();
  };

  /** Resolves once there are so many. */
  async until(count: number): Promise<V[]> {
    const isTrue = (): boolean => this.all.length >= count;
    if (!isTrue()) await new Promise<void>((resolve) => this.#waiting.push({ isTrue, resolve }));
    return this.all;
  }
}
