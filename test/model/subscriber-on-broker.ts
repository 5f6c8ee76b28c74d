import { connect as dial } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';
import type { ActorRefFrom, InspectionEvent } from 'xstate';
import { createIotClient, type IotClient, type Subscription } from '../../src/index.ts';
import type { LocalIotCore } from '../../src/local/index.ts';
import {
  actorOf,
  type ConnectionMachine,
  type SubscriptionsEvent,
  type SubscriptionsMachine,
} from '../../src/machines/index.ts';
import { IotError } from '../../src/protocol/errors.ts';
import type { QoS } from '../../src/protocol/message.ts';
import type { ModelEvent } from '../../src/testing/index.ts';
import { Barrier } from './barrier.ts';
import { TimerByTimerClock } from './timer-by-timer-clock.ts';

/** Delays that no two timers share, so that each can be fired by its own. */
const DELAYS = { answerTimeout: 4_007, secondLook: 50, quiet: 500 } as const;

/** One call to `subscribe` that was not taken back. */
interface Holder {
  readonly qos: QoS;
  readonly abort: AbortController;
  subscription: Subscription | undefined;
}

/**
 * A real client on the local core whose SUBSCRIBEs and UNSUBSCRIBEs stand still, there and back, until a path says what
 * becomes of them. It keeps its own books of who holds a filter, so that what the broker has is not judged by the machine.
 */
export class SubscriberOnBroker {
  readonly clientId: string;
  readonly client: IotClient;
  readonly clock = new TimerByTimerClock();
  /** Messages as the handlers got them. */
  readonly handled: string[] = [];
  readonly #core: LocalIotCore;
  readonly #denied: Set<string>;
  readonly #connection: ActorRefFrom<ConnectionMachine>;
  readonly #subscriptions: ActorRefFrom<SubscriptionsMachine>;
  readonly #barriers: Record<'subscribe' | 'suback' | 'unsubscribe' | 'unsuback', Barrier>;
  #holders: Holder[] = [];
  /** The highest QoS that was asked for since somebody holds the filter. */
  #qos: QoS = 0;

  /** @param denied the filters that the core's `authorize` denies */
  constructor(
    core: LocalIotCore,
    denied: Set<string>,
    clientId: string,
    onStep: (step: InspectionEvent) => void,
  ) {
    this.#core = core;
    this.#denied = denied;
    this.clientId = clientId;
    const question = (packet: 'subscribe' | 'unsubscribe') =>
      new Barrier(core, { direction: 'toBroker', packet, clientId, topic: this.filter });
    const answer = (packet: 'suback' | 'unsuback') =>
      new Barrier(core, { direction: 'toClient', packet, clientId });
    this.#barriers = {
      subscribe: question('subscribe'),
      suback: answer('suback'),
      unsubscribe: question('unsubscribe'),
      unsuback: answer('unsuback'),
    };
    this.client = createIotClient({
      ...core.plainOptions(clientId),
      clock: this.clock,
      session: 'persistent',
      operationTimeoutMs: DELAYS.answerTimeout,
      reconnect: { jitter: 'none' },
    });
    const actor = actorOf(this.client);
    const { connection, subscriptions } = actor.getSnapshot().children;
    this.#connection = connection as ActorRefFrom<ConnectionMachine>;
    this.#subscriptions = subscriptions as ActorRefFrom<SubscriptionsMachine>;
    actor.system.inspect((step) => {
      if (step.actorRef === this.#subscriptions) onStep(step);
    });
  }

  get barriers() {
    return this.#barriers;
  }

  /** How many hold the filter. */
  get holders(): number {
    return this.#holders.filter(({ subscription }) => subscription?.state !== 'ended').length;
  }

  get filter(): string {
    return `model/${this.clientId}`;
  }

  /** What the broker has to have when everything is settled. */
  get owed(): { filter: string; qos: QoS }[] {
    return this.holders === 0 ? [] : [{ filter: this.filter, qos: this.#qos }];
  }

  /** What the broker has for this client now; undefined when it is not there. */
  get had(): { filter: string; qos: number }[] | undefined {
    return this.#filters?.filter((one) => !isKeepsake(one)).map(({ filter, qos }) => ({ filter, qos }));
  }

  get #filters() {
    return this.#core.clients.find(({ clientId }) => clientId === this.clientId)?.subscriptions;
  }

  get state(): string {
    return JSON.stringify(this.#subscriptions.getSnapshot().value);
  }

  async reaches(isThere: (state: string) => boolean): Promise<void> {
    await until(this.#subscriptions, () => isThere(this.state));
  }

  /** Makes happen what the event of the model says. */
  async perform(event: ModelEvent): Promise<void> {
    switch (event.type) {
      case 'subscribe':
        this.#subscribe(event['qos'] as QoS);
        return;
      case 'unsubscribe':
        await this.#unsubscribe();
        return;
      case 'filter.poisoned':
        // The verdict of the early-close classifier, as the client carries it out.
        actorOf(this.client).send({ type: 'filter.poisoned', filter: this.filter, error: POISONED });
        this.#holders = [];
        return;
      case 'session.started':
        await this.#begin(event['sessionPresent'] as boolean);
        return;
      case 'session.ended':
        await this.#end();
        return;
      case 'broker.answered':
        await this.#answer(event['answers'] as readonly object[]);
        return;
      case 'broker.unsubscribed':
        await this.#pass('unsubscribe', 'unsuback');
        return;
      default:
        await this.#giveUp(event);
    }
  }

  /** Lets everything go, and waits until nothing is left to be asked. */
  async settle(): Promise<void> {
    for (const barrier of Object.values(this.#barriers)) barrier.remove();
    if (this.state.includes('offline')) await this.#dial();
    await this.reaches((state) => state.includes('settled'));
  }

  /** Frees everything, wherever the path has stopped: a path that fails is no trouble to the next one. */
  async abandon(): Promise<void> {
    for (const barrier of Object.values(this.#barriers)) barrier.remove();
    actorOf(this.client).stop();
    await this.#core.faults.dropConnections();
  }

  #subscribe(qos: QoS): void {
    const holder: Holder = { qos, abort: new AbortController(), subscription: undefined };
    if (this.holders === 0) this.#qos = 0;
    this.#holders.push(holder);
    if (qos > this.#qos) this.#qos = qos;
    const { signal } = holder.abort;
    const handle = (message: { text(): string }) => this.handled.push(message.text());
    this.client.subscribe(this.filter, { qos, signal }, handle).then(
      (subscription) => {
        holder.subscription = subscription;
      },
      () => {
        this.#holders = this.#holders.filter((one) => one !== holder);
      },
    );
  }

  /** Takes the newest call back: by its own end when it has one already, else by its signal. */
  async #unsubscribe(): Promise<void> {
    await turn();
    const holder = this.#holders.pop();
    // What an earlier process may have left.
    if (holder === undefined) void this.client.unsubscribe(this.filter);
    else if (holder.subscription === undefined) holder.abort.abort();
    else void holder.subscription.unsubscribe();
  }

  async #begin(sessionPresent: boolean): Promise<void> {
    await this.#visit({ clean: !sessionPresent });
    await this.#dial();
    await this.reaches((state) => !state.includes('offline'));
  }

  /** Up again, through the quiet time when it was closed too often with a SUBSCRIBE out. */
  async #dial(): Promise<void> {
    const value = () => JSON.stringify(this.#connection.getSnapshot().value);
    if (value().includes('idle')) void this.client.connect();
    else this.client.networkOnline();
    await until(this.#connection, () => value().includes('connected'));
    if (value().includes('quiet')) this.clock.fire(DELAYS.quiet);
  }

  /** The broker has heard what was asked, and its answer is lost with the line. */
  async #end(): Promise<void> {
    if (this.state.includes('offline')) return;
    if (this.state.includes('unsubscribing')) await this.#arrive('unsubscribe', 'unsuback');
    else if (this.state.includes('subscribing')) await this.#arrive('subscribe', 'suback');
    await this.#core.faults.dropConnections({ clientId: this.clientId });
  }

  async #giveUp(event: ModelEvent): Promise<void> {
    if (event.type.includes('after.answerTimeout')) {
      this.clock.fire(DELAYS.answerTimeout);
      return;
    }
    if (event.type.includes('after.secondLook')) this.clock.fire(DELAYS.secondLook);
    // Our transport ends the line before it reports what cannot be read, and our actors turn a throw into a fact: the machine of
    // the client is told as if they had not.
    else this.#subscriptions.send(event as SubscriptionsEvent);
    // The line was given up while its question was held: let the broker see the end of it.
    this.#barriers.subscribe.open();
    this.#barriers.unsubscribe.open();
  }

  async #answer(answers: readonly object[]): Promise<void> {
    const isDenied = answers.some((answer) => 'error' in answer);
    if (isDenied) this.#denied.add(this.filter);
    await this.#pass('subscribe', 'suback');
    if (isDenied) this.#denied.delete(this.filter);
  }

  async #arrive(packet: 'subscribe' | 'unsubscribe', answer: 'suback' | 'unsuback'): Promise<void> {
    await this.#barriers[packet].caught();
    this.#barriers[packet].open();
    await this.#barriers[answer].caught();
  }

  async #pass(packet: 'subscribe' | 'unsubscribe', answer: 'suback' | 'unsuback'): Promise<void> {
    await this.#arrive(packet, answer);
    this.#barriers[answer].open();
    const before = this.#subscriptions.getSnapshot();
    await until(this.#subscriptions, () => this.#subscriptions.getSnapshot() !== before);
    await turn();
  }

  /**
   * Another connection with this client's id: with a clean session the broker forgets all, without one it keeps all, and
   * a filter of that connection, since it tells of no session that has none.
   */
  async #visit({ clean }: { clean: boolean }): Promise<void> {
    const socket = dial(this.#core.plainPort ?? 0);
    const { clientId } = this;
    const send = (packet: Packet) => socket.write(mqttPacket.generate(packet));
    send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, clean, keepalive: 0 });
    if (!clean) send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: KEEPSAKE, qos: 0 }] });
    await this.#core.when(() => (clean ? this.#filters : this.#filters?.find(isKeepsake)) !== undefined);
    socket.destroy();
    await this.#core.when(() => this.#filters === undefined && this.#core.connections.length === 0);
    this.#barriers.suback.open();
  }
}

/** What the broker keeps for the client, so that there is a session to be kept. */
const KEEPSAKE = 'model/keepsake';
const isKeepsake = ({ filter }: { filter: string }): boolean => filter === KEEPSAKE;

const POISONED = new IotError('POISON_SUBSCRIPTION', 'made by the model');

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(
  actor: { subscribe(listener: () => void): { unsubscribe(): void } },
  isTrue: () => boolean,
): Promise<void> {
  if (isTrue()) return;
  await new Promise<void>((resolve) => {
    const watching = actor.subscribe(() => {
      if (!isTrue()) return;
      watching.unsubscribe();
      resolve();
    });
  });
}
