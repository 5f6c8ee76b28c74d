// @ts-check
// The program of a user who uses everything: it draws what it does next, and knows nothing of what happens to the line.
import { setTimeout as sleep } from 'node:timers/promises';
import { createIotClient, IotError } from 'aws-iot-machines';
import { actorOf } from 'aws-iot-machines/machines';
import { TOPIC } from '../chaos/line.mjs';
import { drawn } from './drawn.mjs';

/** @typedef {import('aws-iot-machines').IotClient} Client */

/**
 * @typedef {object} World
 * @property {string} name
 * @property {() => import('aws-iot-machines').IotClientOptions} options
 * @property {boolean} isDurable
 * @property {() => number} random
 * @property {import('./promises.mjs').Promises} promises
 * @property {(op: 'accepted' | 'delivered' | 'rejected', id: string, more?: { qos?: 0 | 1, code?: string, outcomeUnknown?: boolean }) => void} tell
 * @property {(state: string, code: string | undefined) => void} status
 * @property {(what: string) => void} wrong
 */

/** How long it does nothing between two things that it does. */
const LEAST_IDLE_MS = 100;
const MOST_IDLE_MS = 300;
/** Beyond this it waits until its queue is shorter. */
const MOST_QUEUED = 500;
const MOST_HELD = 8;
const ENOUGH = Symbol('enough');

/** Codes that mean that something is wrong, whatever happens to the line. */
const NEVER = new Set([
  'INTERNAL',
  'INVALID_ARGUMENT',
  'INVALID_PAYLOAD',
  'POISON_PUBLISH',
  'POISON_SUBSCRIPTION',
  'PUBLISH_REFUSED',
  'SUBSCRIPTION_REFUSED',
  'TOO_MANY_SUBSCRIPTIONS',
  'STORE_FULL',
  'STORE_INCOMPATIBLE',
  'STORE_FAILED',
]);

export class Device {
  published = 0;
  calls = 0;
  #world;
  /** @type {Client} */
  #client;
  /** @type {import('aws-iot-machines').Subscription[]} */
  #held = [];
  /** Loops that wait for messages. @type {Set<AsyncIterator<unknown>>} */
  #loops = new Set();
  #stopDeltas = () => {};
  #isAway = false;
  #isStopping = false;
  /** @type {readonly (readonly [weight: number, act: () => unknown])[]} */
  #acts;

  /** @param {World} world */
  constructor(world) {
    this.#world = world;
    this.#client = this.#create();
    this.#acts = [
      [50, () => this.#publish(1)],
      [20, () => this.#publish(0)],
      [4, () => this.#publish(1, { expiresInMs: this.#below(800) })],
      [3, () => this.#publish(1, { timeoutMs: this.#below(800) })],
      [3, () => this.#abortLater((signal) => this.#publish(1, { signal }))],
      [4, () => this.#subscribe()],
      [4, () => this.#unsubscribe()],
      [3, () => this.#loop()],
      [3, () => this.#update()],
      [2, () => this.#call('get()', this.#shadow.get())],
      [
        1,
        () =>
          this.#call(
            'update(function)',
            this.#shadow.update(() => ({ reported: { at: this.calls } })),
          ),
      ],
      [0.5, () => this.#call('delete()', this.#shadow.delete())],
      [1, () => this.#watchDeltas()],
      [1, () => this.#abortLater((signal) => this.#call('get(signal)', this.#shadow.get({ signal })))],
      [1, () => this.#call('when()', this.#client.when('live', { timeoutMs: this.#below(2_000) }))],
      [
        1,
        () => this.#abortLater((signal) => this.#call('connect(signal)', this.#client.connect({ signal }))),
      ],
      [1, () => this.#goAway()],
      [0.3, () => this.#beReborn()],
    ];
  }

  get client() {
    return this.#client;
  }

  /** How many actors its client has, by the tree of its machines. */
  get actors() {
    return countActors(actorOf(this.#client));
  }

  async work() {
    this.#connect();
    while (!this.#isStopping) {
      await sleep(LEAST_IDLE_MS + this.#below(MOST_IDLE_MS - LEAST_IDLE_MS));
      if (this.#isAway || this.#client.status.queued > MOST_QUEUED) continue;
      this.calls += 1;
      drawn(this.#acts, this.#world.random)();
    }
  }

  /** Does nothing new, and wants a line. */
  stop() {
    this.#isStopping = true;
    this.#connect();
    for (const loop of this.#loops) void this.#call('return()', Promise.resolve(loop.return?.()));
  }

  get isAway() {
    return this.#isAway;
  }

  get #shadow() {
    return this.#client.shadow(this.#world.name, { name: 'soak' });
  }

  #create() {
    const { options, status, wrong } = this.#world;
    const client = createIotClient(options());
    client.on('status', (now) => status(now.state, 'reason' in now ? now.reason?.code : undefined));
    client.on('handlerError', ({ error }) => wrong(`a handler failed: ${String(error)}`));
    client.on('storeError', ({ error }) => wrong(`the store: ${error.message}`));
    client.on('subscriptionRefused', ({ filter, error }) => wrong(`${filter} was refused: ${error.message}`));
    return client;
  }

  /** @param {number} most */
  #below(most) {
    return 1 + this.#world.random() * (most - 1);
  }

  /**
   * A call whose end does not matter, as long as it has one, and a fair one.
   *
   * @template T
   * @param {string} what
   * @param {Promise<T>} promise
   * @returns {Promise<T | undefined>}
   */
  async #call(what, promise) {
    const { name, promises, wrong } = this.#world;
    try {
      return await promises.track(`${what} of ${name}`, promise);
    } catch (error) {
      if (error === ENOUGH) return undefined;
      if (!IotError.is(error) || NEVER.has(error.code))
        wrong(`${what} of ${name} rejected with ${String(error)}`);
      return undefined;
    }
  }

  /** @param {(signal: AbortSignal) => unknown} act */
  #abortLater(act) {
    const stop = new AbortController();
    act(stop.signal);
    setTimeout(() => stop.abort(ENOUGH), this.#below(300));
  }

  #connect() {
    void this.#call('connect()', this.#client.connect());
  }

  /** @param {0 | 1} qos @param {import('aws-iot-machines').PublishOptions} [options] */
  async #publish(qos, options) {
    const { name, tell, promises, isDurable, wrong } = this.#world;
    const id = `${name}/${++this.published}`;
    tell('accepted', id, { qos });
    let isKept = false;
    try {
      const receipt = await promises.track(
        `publish() of ${name}`,
        this.#client.publish(`${TOPIC}${id}`, id, { qos, ...options }),
      );
      isKept = isDurable && qos === 1 && options === undefined;
      await promises.track(`delivered of ${name}`, receipt.delivered);
      tell('delivered', id);
    } catch (error) {
      const code = IotError.is(error) ? error.code : error === ENOUGH ? 'the signal' : String(error);
      if (NEVER.has(code) || (error !== ENOUGH && !IotError.is(error)))
        wrong(`message ${id} was rejected: ${String(error)}`);
      // The next client sends what the store has: who was told so may rely on it.
      if (isKept && code === 'CLOSED') tell('delivered', id);
      else tell('rejected', id, { code, outcomeUnknown: !IotError.is(error) || error.outcomeUnknown });
    }
  }

  async #subscribe() {
    if (this.#held.length >= MOST_HELD) return this.#unsubscribe();
    const { random, promises, name } = this.#world;
    const client = this.#client;
    const filter = `${TOPIC}device-${Math.floor(random() * 20)}/+`;
    const held = await this.#call(
      'subscribe()',
      client.subscribe(filter, { qos: random() < 0.5 ? 0 : 1 }, () => {}),
    );
    if (held === undefined || client !== this.#client) return undefined;
    promises.track(`granted of ${name}`, held.granted).catch(() => {});
    this.#held.push(held);
    return undefined;
  }

  async #unsubscribe() {
    const held = this.#held.shift();
    if (held !== undefined) await this.#call('unsubscribe()', held.unsubscribe({ timeoutMs: 60_000 }));
  }

  /** Takes a few messages of a loop and leaves it. */
  async #loop() {
    const { random } = this.#world;
    const filter = `${TOPIC}device-${Math.floor(random() * 20)}/+`;
    const loop = this.#client.messages(filter, { bufferSize: 10, qos: 1 })[Symbol.asyncIterator]();
    this.#loops.add(loop);
    for (let left = 1 + Math.floor(random() * 5); left > 0; left--) {
      const next = await this.#call('next()', loop.next());
      if (next === undefined || next.done === true) break;
    }
    this.#loops.delete(loop);
    await this.#call('return()', Promise.resolve(loop.return?.()));
  }

  async #update() {
    const section = this.#world.random() < 0.5 ? 'desired' : 'reported';
    await this.#call('update()', this.#shadow.update({ [section]: { at: this.calls } }));
  }

  #watchDeltas() {
    this.#stopDeltas();
    const shadow = this.#shadow;
    const stop = shadow.onDelta(({ state }) =>
      this.#call('update() of a delta', shadow.update({ reported: state })),
    );
    const stopState = shadow.onState(() => {});
    this.#stopDeltas = () => {
      stop();
      stopState();
    };
  }

  /** Ends the line, publishes meanwhile, and comes back. */
  async #goAway() {
    this.#isAway = true;
    const client = this.#client;
    await this.#call('disconnect()', client.disconnect({ flushTimeoutMs: this.#below(500) }));
    for (let left = Math.floor(this.#below(10)); left > 0; left--) void this.#publish(1);
    await sleep(this.#below(2_000));
    this.#connect();
    this.#isAway = false;
  }

  /** Ends its client, and begins another one with the same name. */
  async #beReborn() {
    this.#isAway = true;
    this.#held = [];
    this.#stopDeltas = () => {};
    await this.#call('close()', this.#client.close({ flushTimeoutMs: this.#below(500) }));
    this.#client = this.#create();
    this.#connect();
    this.#isAway = false;
  }
}

/** @param {import('xstate').AnyActorRef} actor @returns {number} */
function countActors(actor) {
  const { children = {} } =
    /** @type {{ children?: Record<string, import('xstate').AnyActorRef | undefined> }} */ (
      actor.getSnapshot()
    );
  return Object.values(children).reduce(
    (sum, child) => sum + (child === undefined ? 0 : countActors(child)),
    1,
  );
}
