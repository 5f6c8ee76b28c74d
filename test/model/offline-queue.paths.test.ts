import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ActorRefFrom, createActor, type EventObject, fromCallback, type InspectionEvent } from 'xstate';
import { createIotClient, type DrainPolicy, type IotClient } from '../../src/index.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import {
  actorOf,
  Handle,
  type OfflineQueueMachine,
  type OfflineQueuePorts,
  offlineQueueMachine,
} from '../../src/machines/index.ts';
import { adjacencyOf, createPathModel } from '../../src/testing/path-model.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { takenIn, transitionsOf } from './transitions.ts';

const ports = new Handle<OfflineQueuePorts>({
  outbox: { setFlow: () => undefined, release: () => undefined, backlog: 0, joined: 0 },
});
const BEAT_MS = 500;

/** How a line ends: the flow is closed by both, and only the second one waits for what is in flight. */
const HOLDS = [
  { type: 'hold', by: 'a cut' },
  { type: 'hold', by: 'disconnect' },
];

/** A drain that is under way goes on at a new pace; without one it is over at once. */
const PACES = [
  { type: 'pace', drain: { perSecond: 2, adaptive: false } },
  { type: 'pace', drain: { perSecond: Number.POSITIVE_INFINITY, adaptive: false } },
];

const paths = createPathModel(offlineQueueMachine, {
  input: { ports },
  cover: 'transitions',
  payloads: ({ value }) =>
    JSON.stringify(value).includes('buffering')
      ? [...PACES.slice(0, 1), { type: 'drain' }]
      : [...PACES, ...HOLDS, { type: 'backlog.finished' }],
}).getShortestPaths();

/** Our outbox throws nothing; and no store that opens late is at hand. */
const BEYOND_THE_WORLD: readonly string[] = [
  'offlineQueue on flow.failed to offlineQueue.buffering',
  'offlineQueue.draining on backlog.recovered to offlineQueue.draining',
  'offlineQueue.draining on xstate.error.actor.pacing to offlineQueue.buffering',
  'offlineQueue.open on backlog.recovered [isPaced] to offlineQueue.draining',
  'offlineQueue.open on xstate.error.actor.freeFlow to offlineQueue.buffering',
];

/**
 * A real client on the local core that publishes numbered messages. Its own books say how many may have gone: with each
 * beat of a drain one more, and all once it is over.
 */
class PublisherOnBroker {
  readonly clock = new SimulatedClock();
  readonly client: IotClient;
  readonly queue: ActorRefFrom<OfflineQueueMachine>;
  readonly delivered: string[] = [];
  readonly #core: LocalIotCore;
  readonly #topic: string;
  #published = 0;
  /** How many may be at the broker by now. */
  #due = 0;

  constructor(
    core: LocalIotCore,
    clientId: string,
    perSecond: number,
    onStep: (step: InspectionEvent) => void,
  ) {
    this.#core = core;
    this.#topic = `model/${clientId}`;
    this.client = createIotClient({
      ...core.plainOptions(clientId),
      clock: this.clock,
      reconnect: { jitter: 'none' },
      // Not adaptive: only so does a drain become endless.
      offlineQueue: { drain: { perSecond, adaptive: false } },
    });
    const actor = actorOf(this.client);
    this.queue = actor.getSnapshot().children.queue as ActorRefFrom<OfflineQueueMachine>;
    actor.system.inspect((step) => {
      if (step.actorRef === this.queue) onStep(step);
    });
  }

  get state(): string {
    return JSON.stringify(this.queue.getSnapshot().value);
  }

  /** The first receipt of each message, in the order in which they came. */
  get received(): string[] {
    const all = this.#core.received.filter(({ topic }) => topic === this.#topic);
    return [...new Set(all.map(({ payload }) => payload.toString()))];
  }

  publish(count: number): void {
    for (let n = 0; n < count; n++) {
      const id = String(this.#published++);
      void this.client.publish(this.#topic, id, { qos: 1 }).then(
        (receipt) =>
          receipt.delivered.then(
            () => this.delivered.push(id),
            () => undefined,
          ),
        () => undefined,
      );
    }
  }

  async perform({
    type,
    by,
    drain,
  }: EventObject & { readonly by?: string; readonly drain?: DrainPolicy }): Promise<void> {
    switch (type) {
      case 'drain':
        await this.#drain();
        return;
      case 'pace':
        // It begins with a beat.
        if (this.state.includes('draining')) this.#due = Math.min(this.#due + 1, this.#published);
        if (drain !== undefined) this.client.queue.configure({ drain });
        await this.expectWhatIsDue();
        return;
      case 'hold':
        if (by === 'disconnect') {
          await this.client.disconnect();
          return;
        }
        await this.#core.faults.dropConnections();
        await this.reaches('buffering');
        return;
      case 'backlog.finished':
        while (this.state.includes('draining')) await this.beat();
        return;
      default:
        await this.beat();
        return;
    }
  }

  /** One beat lets one more go, or finds that nothing is left. */
  async beat(): Promise<void> {
    this.clock.advance(BEAT_MS);
    this.#due = Math.min(this.#due + 1, this.#published);
    await this.expectWhatIsDue();
  }

  /** As many as may be there are, in order, and no more were written. */
  async expectWhatIsDue(): Promise<void> {
    if (this.state.includes('open')) this.#due = this.#published;
    await this.#core.when(() => this.received.length >= this.#due);
    const all = Array.from({ length: this.#published }, (_, id) => String(id));
    expect(this.received).toEqual(all.slice(0, this.#due));
    const { state, queued } = this.client.status;
    if (state !== 'closed') expect(queued).toBeLessThanOrEqual(this.#published);
  }

  async reaches(state: string): Promise<void> {
    if (this.state.includes(state)) return;
    await new Promise<void>((resolve) => {
      const watching = this.queue.subscribe(() => {
        if (!this.state.includes(state)) return;
        watching.unsubscribe();
        resolve();
      });
    });
  }

  /** Publishes as fast as the beats let go, until the client says that this never ends. */
  async untilEndless(): Promise<number> {
    const told: unknown[] = [];
    const forget = this.client.on('endlessDrain', (event) => told.push(event));
    let beats = 0;
    for (; told.length === 0 && beats < 20; beats++) {
      this.publish(1);
      await this.beat();
    }
    forget();
    return beats;
  }

  async #drain(): Promise<void> {
    if (this.client.status.state === 'backingOff') this.client.networkOnline();
    else void this.client.connect().catch(() => undefined);
    await this.#isDrainBegun();
    // The first one goes at once.
    this.#due = Math.min(this.#due + 1, this.#published);
  }

  async #isDrainBegun(): Promise<void> {
    if (!this.state.includes('buffering')) return;
    await new Promise<void>((resolve) => {
      const watching = this.queue.subscribe(() => {
        if (this.state.includes('buffering')) return;
        watching.unsubscribe();
        resolve();
      });
    });
  }
}

function titleOf(steps: readonly { readonly event: EventObject & { readonly by?: string } }[]): string {
  return steps
    .slice(1)
    .map(
      ({ event: { type, by } }) => type.replace(/^xstate\.(after\.\w+)\..*/, '$1') + (by ? ` by ${by}` : ''),
    )
    .join(', ');
}

describe('the offline queue machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const taken = new Set<string>();
  const publisher = (clientId: string, perSecond = 1_000 / BEAT_MS) =>
    new PublisherOnBroker(core, clientId, perSecond, (step) => takenIn(step, taken));

  beforeAll(async () => {
    core = await startLocalIotCore({ plainPort: 0, limits: NO_RATE_LIMITS });
  });
  afterAll(() => core.stop());

  paths.forEach((path, index) => {
    test(`path ${index}: ${titleOf(path.steps)}`, async () => {
      const device = publisher(`publisher-${index}`);
      try {
        device.publish(3);
        for (const { event, state } of path.steps.slice(1)) {
          await device.perform(event);
          expect(device.state).toBe(JSON.stringify(state.value));
          // What comes meanwhile goes behind what waits, and at once where nothing does.
          device.publish(1);
          await device.expectWhatIsDue();
          if (device.state.includes('draining')) await device.beat();
        }
        if (device.state.includes('buffering')) await device.perform({ type: 'drain' });
        await device.perform({ type: 'backlog.finished' });
        await device.expectWhatIsDue();
        await device.client.close();
        expect(device.delivered).toEqual(device.received);
      } finally {
        actorOf(device.client).stop();
        await core.faults.dropConnections();
      }
    });
  });

  test('a drain that lets go as much as comes is told once, and goes on', async () => {
    const device = publisher('publisher-endless');
    device.publish(3);
    await device.perform({ type: 'drain' });
    const beats = await device.untilEndless();
    // The first one went at the beginning: at the third beat three have gone, and three wait as they did then.
    expect(beats).toBe(3);
    expect(device.state).toContain('draining');
    await device.perform({ type: 'backlog.finished' });
    await device.client.close();
    expect(device.delivered).toEqual(device.received);
  });

  test('without a pace all goes at once, in order', async () => {
    const device = publisher('publisher-unpaced', Number.POSITIVE_INFINITY);
    // As many as wait by default.
    device.publish(20);
    await device.perform({ type: 'drain' });
    expect(device.state).toBe('"open"');
    await device.expectWhatIsDue();
    await device.client.close();
  });

  test('every transition was taken, but for those that the world cannot take', () => {
    const all = transitionsOf(offlineQueueMachine.root);
    expect(all.filter((name) => !taken.has(name)).sort()).toEqual(BEYOND_THE_WORLD);
  });
});

const boom = (): never => {
  throw new Error('boom');
};

test('what the world cannot make it take, it takes with ports of our own', () => {
  const taken = new Set<string>();
  const rude = fromCallback(boom) as never;
  const broken = new Handle<OfflineQueuePorts>({
    outbox: { setFlow: boom, release: boom, backlog: 1, joined: 0 },
  });
  const worlds = [
    { machine: offlineQueueMachine, ports: broken, drain: {} },
    { machine: offlineQueueMachine.provide({ actors: { pacing: rude } }), ports, drain: {} },
    {
      machine: offlineQueueMachine.provide({ actors: { freeFlow: rude } }),
      ports,
      drain: { perSecond: Number.POSITIVE_INFINITY },
    },
  ];
  for (const { machine, ...input } of worlds) {
    const actor = createActor(machine, {
      clock: new SimulatedClock(),
      input,
      inspect: (step) => takenIn(step, taken),
    });
    actor.start();
    actor.send({ type: 'drain' });
    expect(actor.getSnapshot().value).toBe('buffering');
    actor.stop();
  }
  const outbox = { setFlow: () => {}, release: () => {}, backlog: 0, joined: 0 };
  const late = createActor(offlineQueueMachine, {
    clock: new SimulatedClock(),
    input: { ports: new Handle<OfflineQueuePorts>({ outbox }) },
    inspect: (step) => takenIn(step, taken),
  }).start();
  late.send({ type: 'drain' });
  outbox.backlog = 1;
  late.send({ type: 'backlog.recovered' });
  late.send({ type: 'backlog.recovered' });
  late.stop();
  expect(BEYOND_THE_WORLD.filter((name) => !taken.has(name))).toEqual([]);
});

describe('the flow, in every state that can be reached', () => {
  const faults = ['pacing', 'freeFlow'].map((actor) => ({
    type: `xstate.error.actor.${actor}`,
    error: new Error('test'),
  }));
  const flows = { buffering: 'closed', draining: 'paced', open: 'free' } as const;

  test.each([2, 1_000, Number.POSITIVE_INFINITY])(
    'is closed in buffering, paced in draining and free in open, at %d a second',
    (perSecond) => {
      const model = createPathModel(offlineQueueMachine, {
        input: { ports, drain: { perSecond } },
        payloads: [...faults, ...PACES.slice(0, 1), { type: 'flow.failed', error: new Error('test') }],
      });
      const { states, edges } = adjacencyOf(model);
      expect(states).toHaveLength(perSecond === Number.POSITIVE_INFINITY ? 2 : 3);
      for (const from of states) {
        for (const { event } of edges.filter((edge) => edge.from === from)) {
          const calls: string[] = [];
          const outbox = {
            setFlow: (flow: string) => void calls.push(flow),
            release: () => undefined,
            backlog: 1,
            joined: 0,
          };
          // The actors of the state before run, then the event comes.
          const actor = createActor(offlineQueueMachine, {
            clock: new SimulatedClock(),
            input: { ports: new Handle<OfflineQueuePorts>({ outbox }), drain: { perSecond } },
          }).start();
          bringTo(actor, String(Object.keys(flows).find((name) => from.matches(name))));
          actor.send(event as never);
          const place = Object.keys(flows).find((name) => actor.getSnapshot().matches(name as 'open'));
          expect(calls.at(-1) ?? 'closed', `${JSON.stringify(from.value)}, ${event.type}`).toBe(
            flows[place as keyof typeof flows],
          );
          actor.stop();
          expect(calls.at(-1) ?? 'closed').toBe('closed');
        }
      }
    },
  );
});

function bringTo(actor: ActorRefFrom<OfflineQueueMachine>, place: string): void {
  if (place === 'buffering') return;
  actor.send({ type: 'drain' });
  if (place === 'open' && actor.getSnapshot().matches('draining')) actor.send({ type: 'backlog.finished' });
}
