import type { ActorRefFrom, EventObject, InspectionEvent } from 'xstate';
import type { Authentication, OpenStream, SignInContext } from '../../src/adapters/authentication.ts';
import { plainTcp } from '../../src/adapters/plain-tcp.ts';
import type { IotClient } from '../../src/client/iot-client.ts';
import { createIotClient } from '../../src/index.ts';
import type { LocalIotCore } from '../../src/local/index.ts';
import { actorOf, type ConnectionEvent, type ConnectionMachine } from '../../src/machines/index.ts';
import { IotError, type IotErrorCode, type Recovery } from '../../src/protocol/errors.ts';
import { Barrier } from './barrier.ts';
import { TimerByTimerClock } from './timer-by-timer-clock.ts';

/** Delays that no two timers share, so that each can be fired by its own. */
const DELAYS = {
  attemptTimeout: 15_001,
  /** The client has deadlines of its own for each answer: this is as long as a timer can wait. */
  resubscribeTimeout: 2_147_483_647,
  flushTimeout: 5_000,
  goodbyeTimeout: 1_000,
  stable: 20_003,
  answerTimeout: 4_007,
  secondLook: 50,
  beat: 625,
  lifetime: 85_800_011,
  /** The least that the early-close classifier asks for: on a clock that stands still no line lived any longer. */
  quiet: 500,
} as const;

/** How the world makes an attempt fail before it dials, by what shall follow. */
const SIGN_IN_FAILURES: Partial<Record<Recovery, IotErrorCode>> = {
  retry: 'DNS_FAILED',
  retrySlowly: 'CLIENT_CERTIFICATE_EXPIRED',
  reauthenticate: 'BAD_CREDENTIALS',
  fatal: 'KEY_MISMATCH',
};

/** The same at the broker's door: return codes of CONNACK (MQTT 3.2.2.3). */
const CONNACK_CODES: Partial<Record<Recovery, number>> = {
  retry: 3,
  retrySlowly: 5,
  reauthenticate: 4,
  fatal: 2,
};

/** A sign-in that stands still until the test lets it go on, or fail. */
class HeldSignIn implements Authentication {
  readonly kind = 'plainTcp';
  readonly #plain = plainTcp();
  #open: { pass: () => void; fail: (error: IotError) => void } | undefined;

  defaultPort(): number {
    return this.#plain.defaultPort();
  }

  validate(): void {}

  async signIn(context: SignInContext): Promise<OpenStream> {
    await new Promise<void>((resolve, reject) => {
      this.#open = { pass: resolve, fail: reject };
      context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
    });
    const open = await this.#plain.signIn(context);
    return async (signal) => ({ ...(await open(signal)), lifetimeMs: () => DELAYS.lifetime });
  }

  get isWaiting(): boolean {
    return this.#open !== undefined;
  }

  pass(): void {
    this.#open?.pass();
    this.#open = undefined;
  }

  fail(error: IotError): void {
    this.#open?.fail(error);
    this.#open = undefined;
  }
}

/**
 * A real client on the local core, steered step by step: a barrier stands in each state that would pass by itself
 * (sign-in, CONNECT, SUBACK, PUBACK, DISCONNECT), and every timer waits for its turn.
 */
export class DeviceOnBroker {
  readonly clientId: string;
  readonly client: IotClient;
  readonly clock = new TimerByTimerClock();
  readonly connection: ActorRefFrom<ConnectionMachine>;
  /** What was published, in order, and what became of it. */
  readonly published: { readonly id: string; state: 'open' | 'delivered' | 'undelivered' }[] = [];
  readonly #core: LocalIotCore;
  readonly #signIn = new HeldSignIn();
  readonly #barriers: Record<'connect' | 'suback' | 'disconnect', Barrier>;
  /** A publish that never reaches the broker, so that every planned end has something to wait for. */
  readonly #doubt: Barrier;
  readonly #endDoubt = new AbortController();
  #extraFilters = 0;

  constructor(core: LocalIotCore, clientId: string, onStep: (step: InspectionEvent) => void) {
    this.#core = core;
    this.clientId = clientId;
    const barrier = (direction: 'toBroker' | 'toClient', packet: 'connect' | 'suback' | 'disconnect') =>
      new Barrier(core, { direction, packet, clientId });
    this.#barriers = {
      connect: barrier('toBroker', 'connect'),
      suback: barrier('toClient', 'suback'),
      disconnect: barrier('toBroker', 'disconnect'),
    };
    this.#doubt = new Barrier(core, { direction: 'toBroker', packet: 'publish', topic: this.topic('doubt') });
    this.#doubt.swallow().catch(() => undefined);
    this.client = createIotClient({
      ...core.plainOptions(clientId),
      auth: this.#signIn,
      clock: this.clock,
      attemptTimeoutMs: DELAYS.attemptTimeout,
      operationTimeoutMs: DELAYS.answerTimeout,
      reconnect: { baseMs: 1_009, maxMs: 8_191, stableMs: DELAYS.stable, jitter: 'none' },
      offlineQueue: { maxMessages: 100, drain: { perSecond: 1_000 / DELAYS.beat } },
    });
    const actor = actorOf(this.client);
    this.connection = actor.getSnapshot().children.connection as ActorRefFrom<ConnectionMachine>;
    actor.system.inspect((step) => {
      if (step.actorRef === this.connection) onStep(step);
    });
  }

  /**
   * Brings the client to where every path begins: idle, one filter wanted, one message in doubt (it was written, and its
   * PUBACK never comes). When two lines were closed over it, it is a suspect, and the next line is under inquiry.
   */
  async prepare({ closes }: { readonly closes: 1 | 2 }): Promise<void> {
    await this.client.subscribe(this.topic('wanted'), { qos: 1 }, () => undefined);
    const { signal } = this.#endDoubt;
    void this.client.publish(this.topic('doubt'), '', { qos: 1, signal });
    for (let line = 1; line <= closes; line++) {
      for (const type of ['connect', 'transport.signedIn', 'transport.connected', 'subscriptions.settled']) {
        await this.perform({ type });
      }
      await this.#core.tap.waitFor({ packet: 'publish', topic: this.topic('doubt') }, line);
      await this.perform({ type: 'transport.closed' });
      await this.perform({ type: 'disconnect' });
      await this.reaches('"idle"');
    }
  }

  topic(name: string): string {
    return `model/${this.clientId}/${name}`;
  }

  /** The connection's state, as the machine says it. */
  get state(): string {
    return JSON.stringify(this.connection.getSnapshot().value);
  }

  /** What the broker has seen of this client since its newest CONNECT. */
  sentOnThisLine(): string[] {
    const all = this.#core.tap.packets({ direction: 'toBroker', clientId: this.clientId });
    const last = all.at(-1)?.connection;
    return all.filter(({ connection }) => connection === last).map(({ packet }) => packet);
  }

  async reaches(state: string): Promise<void> {
    if (this.state === state) return;
    await new Promise<void>((resolve) => {
      const subscription = this.connection.subscribe(() => {
        if (this.state !== state) return;
        subscription.unsubscribe();
        resolve();
      });
    });
  }

  publish(): void {
    const entry = {
      id: String(this.published.length),
      state: 'open' as 'open' | 'delivered' | 'undelivered',
    };
    this.published.push(entry);
    void this.client.publish(this.topic('message'), entry.id, { qos: 1 }).then(
      (receipt) =>
        receipt.delivered.then(
          () => (entry.state = 'delivered'),
          () => (entry.state = 'undelivered'),
        ),
      () => (entry.state = 'undelivered'),
    );
  }

  /** Makes happen what the event of the model says. */
  async perform(event: EventObject): Promise<void> {
    switch (event.type) {
      case 'connect':
        void this.client.connect().catch(() => undefined);
        return;
      case 'disconnect':
        void this.client.disconnect();
        return;
      case 'network.online':
        this.client.networkOnline();
        return;
      case 'transport.signedIn':
        await this.#untilSignIn();
        this.#signIn.pass();
        await this.#barriers.connect.caught();
        return;
      case 'transport.connected':
        this.#barriers.connect.open();
        await this.#core.when(() => this.#core.clients.some(({ clientId }) => clientId === this.clientId));
        // So that there is something to drain in every session.
        this.publish();
        return;
      case 'transport.failed':
        if (this.state.includes('"connecting"'))
          await this.#fail((event as EventObject & { error: IotError }).error.recovery);
        else await this.#inject(event);
        return;
      case 'queue.failed':
        await this.#inject(event);
        return;
      case 'transport.closed':
        if (this.state.includes('disconnecting')) {
          await this.#barriers.disconnect.caught();
          this.#barriers.disconnect.open();
        } else await this.#core.faults.dropConnections({ clientId: this.clientId });
        return;
      case 'subscriptions.settled':
        await this.#barriers.suback.caught();
        this.#barriers.suback.open();
        return;
      case 'subscriptions.unanswered':
        if (!this.state.includes('resubscribing')) this.#wantMore();
        await this.#barriers.suback.caught();
        this.clock.fire(DELAYS.answerTimeout);
        this.clock.fire(DELAYS.secondLook);
        return;
      case 'queue.drained':
        // A beat lets one message go; as many as it takes.
        while (this.state.includes('draining')) this.clock.fire(DELAYS.beat);
        return;
      case 'outbox.flushed':
        this.#endDoubt.abort();
        return;
      default:
        if (event.type.startsWith('xstate.error.')) await this.#inject(event);
        else await this.#timeOut(event.type);
    }
  }

  /**
   * What our own parts never do in a client: our actors turn a throw into a fact, the outbox throws none, and a transport
   * that has connected does not fail. The machine of the client is told as if they had.
   */
  async #inject(event: EventObject): Promise<void> {
    await this.#givingUp(() => this.connection.send(event as ConnectionEvent));
  }

  /** Lets everything go, and ends the client as an app does. */
  async finish(): Promise<void> {
    this.#letGo();
    await this.client.close();
  }

  /** Frees everything, wherever the path has stopped: a path that fails is no trouble to the next one. */
  async abandon(): Promise<void> {
    this.#letGo();
    actorOf(this.client).stop();
    this.#doubt.remove();
    this.#core.faults.refuse({ times: 0 });
    await this.#core.faults.dropConnections();
  }

  #letGo(): void {
    for (const barrier of Object.values(this.#barriers)) barrier.remove();
    this.#signIn.pass();
    this.#endDoubt.abort();
  }

  async #untilSignIn(): Promise<void> {
    // The transport asks for the sign-in in a turn of its own.
    while (!this.#signIn.isWaiting) await new Promise((resolve) => setImmediate(resolve));
  }

  async #fail(recovery: Recovery): Promise<void> {
    if (this.state.includes('signingIn')) {
      await this.#untilSignIn();
      const code = SIGN_IN_FAILURES[recovery];
      if (code === undefined) throw new Error(`no sign-in fails with ${recovery}`);
      this.#signIn.fail(new IotError(code, 'made by the model'));
      return;
    }
    await this.#barriers.connect.caught();
    this.#core.faults.refuse({ returnCode: CONNACK_CODES[recovery] ?? 0, times: 1 });
    this.#barriers.connect.open();
  }

  #wantMore(): void {
    this.#extraFilters += 1;
    void this.client
      .subscribe(this.topic(`extra${this.#extraFilters}`), () => undefined)
      .catch(() => undefined);
  }

  async #timeOut(type: string): Promise<void> {
    await this.#givingUp(() => this.#fireTimer(type));
  }

  /** A line that is given up while its DISCONNECT is held: lets the broker see the end of it. */
  async #givingUp(happen: () => void): Promise<void> {
    const isEnding = this.state.includes('disconnecting');
    if (isEnding) await this.#barriers.disconnect.caught();
    happen();
    if (isEnding) this.#barriers.disconnect.open();
  }

  #fireTimer(type: string): void {
    const name = /^xstate\.after\.(\w+)\./.exec(type)?.[1];
    if (name === 'retry') this.clock.fire(this.connection.getSnapshot().context.retryDelayMs);
    else if (name !== undefined && name in DELAYS) this.clock.fire(DELAYS[name as keyof typeof DELAYS]);
    else throw new Error(`the world cannot do ${type}`);
  }
}
