import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ActorRefFrom, createActor, type InspectionEvent } from 'xstate';
import { createIotClient, type DrainPolicy, type IotClient } from '../../src/index.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import {
  actorOf,
  Handle,
  type OfflineQueueContext,
  type OfflineQueueEvent,
  type OfflineQueueMachine,
  type OfflineQueuePorts,
  offlineQueueMachine,
} from '../../src/machines/index.ts';
import {
  adjacencyOf,
  coverageOf,
  type ModelEvent,
  offlineQueueModel,
  pathsOf,
  SimulatedClock,
  type Subject,
} from '../../src/testing/index.ts';

const BEAT_MS = 500;
const model = offlineQueueModel();

/** What a store that opens late tells finds nothing to let go where all flows: that is a test of its own. */
const paths = pathsOf(model, {
  filter: ({ type }, { value }) => type !== 'backlog.recovered' || JSON.stringify(value).includes('draining'),
});

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
  #ends = 0;
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

  async perform(event: ModelEvent): Promise<void> {
    switch (event.type) {
      case 'drain':
        await this.#drain();
        return;
      case 'pace':
        // It begins with a beat.
        if (this.state.includes('draining')) this.#due = Math.min(this.#due + 1, this.#published);
        this.client.queue.configure({ drain: event['drain'] as DrainPolicy });
        return;
      case 'hold':
        await this.#endLine();
        return;
      case 'backlog.finished':
        while (this.state.includes('draining')) await this.beat();
        return;
      default:
        if (event.type.includes('after.beat')) await this.beat();
        else this.#inject(event);
    }
  }

  /**
   * What the parts of a client never do, or do unseen: the outbox throws nothing, and no store that opens late is at hand. The
   * machine is told as if they had.
   */
  #inject(event: ModelEvent): void {
    // It begins with a beat.
    if (event.type === 'backlog.recovered') this.#due = Math.min(this.#due + 1, this.#published);
    this.queue.send(event as OfflineQueueEvent);
  }

  /** A line is held by its end: first by a cut, then as a planned one, and so on. */
  async #endLine(): Promise<void> {
    this.#ends += 1;
    if (this.#ends % 2 === 0) {
      await this.client.disconnect();
      return;
    }
    await this.#core.faults.dropConnections();
    await this.reaches('buffering');
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

describe('the offline queue machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const coverage = coverageOf(model);
  const publisher = (clientId: string, perSecond = 1_000 / BEAT_MS) =>
    new PublisherOnBroker(core, clientId, perSecond, coverage.observe);

  beforeAll(async () => {
    core = await startLocalIotCore({ plainPort: 0, limits: NO_RATE_LIMITS });
  });
  afterAll(() => core.stop());

  paths.forEach((path, index) => {
    test(`path ${index}: ${path.description}`, () =>
      path.test(subjectOf(core, publisher(`publisher-${index}`))));
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

  test('what a store that opens late brings is let go at the pace again', async () => {
    const device = publisher('publisher-late');
    await device.perform({ type: 'drain' });
    expect(device.state).toBe('"open"');
    await device.perform({ type: 'backlog.recovered' });
    expect(device.state).toBe('"open"');
    await device.client.close();
  });

  test('every state was entered and every transition taken', () => {
    console.log(String(coverage));
    coverage.expectAll();
  });
});

/** A publisher, for one path: what is published in each state comes to the broker when the machine lets it go. */
function subjectOf(core: LocalIotCore, device: PublisherOnBroker): Subject {
  return {
    begin: () => device.publish(3),
    perform: (event) => device.perform(event),
    state: () => device.queue.getSnapshot().value,
    check: async () => {
      // What comes meanwhile goes behind what waits, and at once where nothing does.
      device.publish(1);
      await device.expectWhatIsDue();
      if (device.state.includes('draining')) await device.beat();
    },
    end: async (_path, failure) => {
      try {
        if (failure === undefined) await expectGoodEnd(device);
      } finally {
        actorOf(device.client).stop();
        await core.faults.dropConnections();
      }
    },
  };
}

async function expectGoodEnd(device: PublisherOnBroker): Promise<void> {
  if (device.state.includes('buffering')) await device.perform({ type: 'drain' });
  await device.perform({ type: 'backlog.finished' });
  await device.expectWhatIsDue();
  await device.client.close();
  expect(device.delivered).toEqual(device.received);
}

describe('the flow, in every state that can be reached', () => {
  const flows = { buffering: 'closed', draining: 'paced', open: 'free' } as const;
  const { states, edges } = adjacencyOf(model);

  test.each(states.flatMap((from) => edges.filter((edge) => edge.from === from)))(
    'is what the state says: $from.value $event.type',
    ({ from, event }) => {
      const { drain } = from.context as OfflineQueueContext;
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
        input: { ports: new Handle<OfflineQueuePorts>({ outbox }), drain },
      }).start();
      bringTo(actor, String(Object.keys(flows).find((name) => from.matches(name))));
      actor.send(event as never);
      const place = Object.keys(flows).find((name) => actor.getSnapshot().matches(name as 'open'));
      expect(calls.at(-1) ?? 'closed').toBe(flows[place as keyof typeof flows]);
      actor.stop();
      expect(calls.at(-1) ?? 'closed').toBe('closed');
    },
  );
});

function bringTo(actor: ActorRefFrom<OfflineQueueMachine>, place: string): void {
  if (place === 'buffering') return;
  actor.send({ type: 'drain' });
  if (place === 'open' && actor.getSnapshot().matches('draining')) actor.send({ type: 'backlog.finished' });
}
