import { EVENTS } from '../../src/client/events.ts';
import type { IotClientOptions } from '../../src/client/options.ts';
import { type IotClient, IotError, type StatusState } from '../../src/index.ts';
import type { Hold, LocalIotCore, PacketMatch } from '../../src/local/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import type { Emission } from '../support/invariants.ts';
import { GatedSignIn } from './gated-sign-in.ts';
import { clientOf, closeNow, freshId, settled } from './support.ts';

/** The filter that every client of a scene holds from the beginning. */
export const KNOWN = 'known';
const BACKOFF = { baseMs: 1_000, maxMs: 8_000, stableMs: 10_000, jitter: 'none' } as const;

/** How one call ended: `…` in front when that took until the world was let go, or until the client was closed. */
interface Ending {
  text: string | undefined;
}

/**
 * A client on the local core in a world that stands still: time is virtual, and packets are held. What a call does by
 * itself is seen before the world is let go, and what it comes to is seen after.
 */
export class Scene {
  readonly core: LocalIotCore;
  readonly clientId = freshId();
  readonly clock = new SimulatedClock();
  readonly signIn = new GatedSignIn();
  readonly client: IotClient;
  /** All that the client emitted. */
  readonly emitted: Emission[] = [];
  readonly #giveUp = new AbortController();
  readonly #holds: Hold[] = [];
  /** The calls that brought the client here. */
  readonly #leads: Ending[] = [];
  #isLetGo = false;

  constructor(core: LocalIotCore, options: Partial<IotClientOptions> = {}) {
    this.core = core;
    this.client = clientOf(core, {
      // No name to look up: that takes another thread, and as long as it likes.
      endpoint: '127.0.0.1',
      clientId: this.clientId,
      auth: this.signIn,
      clock: this.clock,
      random: () => 0,
      reconnect: BACKOFF,
      ...options,
    });
    for (const event of EVENTS) {
      this.client.on(event, (told) => {
        const state = event === 'status' ? { state: (told as { state: StatusState }).state } : {};
        this.emitted.push({ event, ...state });
      });
    }
  }

  /** Aborts with `enough` once the calls have been made. */
  get signal(): AbortSignal {
    return this.#giveUp.signal;
  }

  /** Where the machines stand: the connection's state, or the client's own end. */
  get machines(): string {
    const { value, children } = actorOf(this.client).getSnapshot();
    const isOpen = JSON.stringify(value) === '{"open":"running"}';
    return JSON.stringify(isOpen ? children.connection?.getSnapshot().value : value);
  }

  hold(match: PacketMatch): Hold {
    const held = this.core.tap.hold({ clientId: this.clientId, ...match });
    this.#holds.push(held);
    return held;
  }

  /** A call that leads to a state, and need not end there. */
  lead(call: Promise<unknown>): void {
    this.#leads.push(this.#watched(call));
  }

  async live(): Promise<void> {
    await this.client.connect();
    await this.client.when('live');
  }

  /** A QoS 1 publish that is on the wire, its PUBACK held. */
  async unacknowledged(): Promise<void> {
    const puback = this.hold({ packet: 'puback' });
    this.client.publish('doubt', '', { qos: 1 }).catch(() => undefined);
    await puback.caught();
  }

  /**
   * Makes the calls, all in one turn, and tells what became of the client and of each call, and in brackets of those that
   * led here and still waited. `…`: not before the world was let go. After `>`: what became of the promise in its result.
   */
  async play(calls: (scene: Scene) => readonly unknown[], { isToEnd = true } = {}): Promise<string> {
    this.hold({});
    this.signIn.goodbyeDoor.shut();
    const leads = this.#leads.filter(({ text }) => text === undefined);
    const made = calls(this).map((call) => this.#watched(call));
    await settled(6);
    this.#giveUp.abort('enough');
    this.clock.advance(1);
    await settled(6);
    await this.#letGo(isToEnd ? [...made, ...leads] : []);
    const { state } = this.client.status;
    await closeNow(this.client, this.clock);
    await settled(3);
    const told = [state, ...made.map(textOf)].join(' ');
    return leads.length === 0 ? told : `${told} (${leads.map(textOf).join(' ')})`;
  }

  /** Opens every barrier, and lets time pass where nothing else can happen, until the client is at rest. */
  async #letGo(endings: readonly Ending[]): Promise<void> {
    this.#isLetGo = true;
    for (const held of this.#holds) held.release();
    for (const door of [this.signIn.signInDoor, this.signIn.dialDoor, this.signIn.goodbyeDoor]) door.open();
    while (!this.#isAtRest(endings)) {
      await settled(2);
      if (this.#isWaiting()) this.clock.advance(this.clock.nextIn ?? 0);
    }
  }

  #isAtRest(endings: readonly Ending[]): boolean {
    const { state, queued, inFlight } = this.client.status;
    if (state === 'live' && queued + inFlight > 0) return false;
    if (!['idle', 'live', 'failed', 'closed'].includes(state)) return false;
    return endings.every(({ text }) => text !== undefined);
  }

  /** Nothing happens before time has passed: between two attempts, on a line that stays quiet, between two beats. */
  #isWaiting(): boolean {
    const { state, inFlight } = this.client.status;
    if (state === 'disconnecting') return inFlight === 0 && !this.machines.includes('disconnecting');
    return state === 'backingOff' || state === 'draining' || this.machines.includes('quiet');
  }

  #watched(call: unknown): Ending {
    const ending: Ending = { text: undefined };
    const told = (text: string): void => {
      ending.text = this.#isLetGo ? `…${text}` : text;
    };
    const toldLater = (text: string): void => {
      ending.text = `${ending.text}>${text}`;
    };
    const resolved = (value: unknown): void => {
      const { text, later } = readOf(value);
      told(text);
      later?.then(
        () => toldLater('ok'),
        (reason: unknown) => toldLater(codeOf(reason)),
      );
    };
    if (call instanceof Promise) call.then(resolved, (reason: unknown) => told(codeOf(reason)));
    else told('-');
    return ending;
  }
}

/** How a call resolved, and what it leaves to come. */
function readOf(value: unknown): { readonly text: string; readonly later?: Promise<unknown> } {
  if (typeof value !== 'object' || value === null) return { text: 'ok' };
  const { state, delivered, granted } = value as Partial<Record<string, unknown>>;
  const later = delivered ?? granted;
  if (!(later instanceof Promise)) return { text: 'ok' };
  return state === 'queued' || state === 'recorded' ? { text: state, later } : { text: String(state) };
}

function textOf({ text = 'pending' }: Ending): string {
  return text;
}

function codeOf(reason: unknown): string {
  return IotError.is(reason) ? reason.code : String(reason);
}

/** Each state that a client can be in, how the machines say it, and how it comes there. */
export const STATES: readonly {
  readonly name: string;
  readonly machines: string;
  readonly reach: (scene: Scene) => Promise<void>;
}[] = [
  { name: 'idle', machines: '"idle"', reach: async () => undefined },
  {
    name: 'signingIn',
    machines: '{"line":{"connecting":"signingIn"}}',
    async reach(scene) {
      scene.signIn.signInDoor.shut();
      scene.lead(scene.client.connect());
      await scene.signIn.signInDoor.caught();
    },
  },
  {
    name: 'dialing',
    machines: '{"line":{"connecting":"dialing"}}',
    async reach(scene) {
      scene.signIn.dialDoor.shut();
      scene.lead(scene.client.connect());
      await scene.signIn.dialDoor.caught();
    },
  },
  {
    name: 'connack',
    machines: '{"line":{"connecting":"dialing"}}',
    async reach(scene) {
      const connack = scene.hold({ packet: 'connack' });
      scene.lead(scene.client.connect());
      await connack.caught();
    },
  },
  {
    name: 'quiet',
    machines: '{"line":{"connected":{"session":{"up":"quiet"},"stability":"settling"}}}',
    async reach(scene) {
      // The same filter has no answer at two closes: the next line asks whether it is that which closes them.
      const suback = scene.hold({ packet: 'suback' });
      await scene.client.connect();
      for (let close = 0; close < 2; close++) {
        await suback.caught();
        const lost = scene.client.when('backingOff');
        await scene.core.faults.dropConnections({ clientId: scene.clientId });
        await lost;
        scene.clock.advance(scene.clock.nextIn ?? 0);
        await scene.client.when('resubscribing');
      }
    },
  },
  {
    name: 'resubscribing',
    machines: '{"line":{"connected":{"session":{"up":"resubscribing"},"stability":"settling"}}}',
    async reach(scene) {
      const suback = scene.hold({ packet: 'suback' });
      await scene.client.connect();
      await suback.caught();
    },
  },
  {
    name: 'draining',
    machines: '{"line":{"connected":{"session":{"up":"draining"},"stability":"settling"}}}',
    async reach(scene) {
      for (const text of ['1', '2']) await scene.client.publish('waits', text, { qos: 1 });
      await scene.client.connect();
      await scene.client.when('draining');
    },
  },
  {
    name: 'live',
    machines: '{"line":{"connected":{"session":{"up":"live"},"stability":"settling"}}}',
    reach: (scene) => scene.live(),
  },
  {
    name: 'stable',
    machines: '{"line":{"connected":{"session":{"up":"live"},"stability":"stable"}}}',
    async reach(scene) {
      await scene.live();
      scene.clock.advance(BACKOFF.stableMs);
    },
  },
  {
    name: 'flushing',
    machines: '{"line":{"connected":{"session":"flushing","stability":"settling"}}}',
    reach: (scene) => flushing(scene),
  },
  {
    name: 'renewing',
    machines: '{"line":{"connected":{"session":"renewing","stability":"settling"}}}',
    async reach(scene) {
      await flushing(scene);
      scene.lead(scene.client.connect());
    },
  },
  {
    name: 'forGood',
    machines: '{"line":{"disconnecting":"forGood"}}',
    reach: (scene) => disconnecting(scene),
  },
  {
    name: 'again',
    machines: '{"line":{"disconnecting":"again"}}',
    async reach(scene) {
      await disconnecting(scene);
      scene.lead(scene.client.connect());
    },
  },
  {
    name: 'backingOff',
    machines: '{"backingOff":"usual"}',
    async reach(scene) {
      scene.core.faults.refuse({ returnCode: 3, times: 1 });
      scene.lead(scene.client.connect());
      await scene.client.when('backingOff');
    },
  },
  {
    name: 'slow',
    machines: '{"backingOff":"slow"}',
    async reach(scene) {
      scene.core.faults.refuse({ returnCode: 5, times: 1 });
      scene.lead(scene.client.connect());
      await scene.client.when('backingOff');
    },
  },
  {
    name: 'once',
    machines: '{"backingOff":"once"}',
    async reach(scene) {
      await disconnecting(scene);
      scene.lead(scene.client.connect());
      scene.signIn.goodbyeDoor.open();
      await scene.client.when('backingOff');
    },
  },
  {
    name: 'failed',
    machines: '"failed"',
    async reach(scene) {
      scene.core.faults.refuse({ returnCode: 2, times: 1 });
      scene.lead(scene.client.connect());
      await scene.client.when('failed').catch(() => undefined);
    },
  },
  {
    name: 'closing',
    machines: '{"open":"closing"}',
    async reach(scene) {
      await scene.live();
      await scene.unacknowledged();
      scene.lead(scene.client.close());
    },
  },
  {
    name: 'closed',
    machines: '"closed"',
    reach: (scene) => scene.client.close(),
  },
];

async function flushing(scene: Scene): Promise<void> {
  await scene.live();
  await scene.unacknowledged();
  scene.lead(scene.client.disconnect());
}

async function disconnecting(scene: Scene): Promise<void> {
  await scene.live();
  scene.signIn.goodbyeDoor.shut();
  scene.lead(scene.client.disconnect());
  await scene.signIn.goodbyeDoor.caught();
}

/** Brings a new client into a state, and sees that it is there. */
export async function sceneIn(core: LocalIotCore, name: string): Promise<Scene> {
  const state = STATES.find((one) => one.name === name);
  if (state === undefined) throw new Error(`no state is called ${name}`);
  const scene = new Scene(core);
  await scene.client.subscribe(KNOWN, () => undefined);
  await state.reach(scene);
  await settled(3);
  if (scene.machines !== state.machines) throw new Error(`${name}: the machines are at ${scene.machines}`);
  return scene;
}
