import type { AnyActorRef, AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { createIotClient, type IotClient, type IotError, type Shadow } from '../../src/index.ts';
import type { LocalIotCore } from '../../src/local/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { type ModelEvent, placeOf, type SubjectPath, type TestStep } from '../../src/testing/index.ts';
import { Barrier } from './barrier.ts';
import { TimerByTimerClock } from './timer-by-timer-clock.ts';

/** Delays that no two timers share, so that each can be fired by its own. */
const DELAYS = { deadline: 4_007, blocked: 3_001, throttle: 125, release: 30_000, flush: 777 } as const;
const SLOTS = 10;
const TOKEN = 'of the model';

export interface RequestOptions {
  readonly waitForConnection: boolean;
  /** Whether the topics of the answer stay. */
  readonly keepsTopics: boolean;
}

/**
 * One delete by a real client on the local core, which does not answer it. Whatever the path says is made to happen: the places
 * are taken by requests for another thing, SUBACKs and UNSUBACKs stand still, and answers are published by hand.
 */
export class RequestOnBroker {
  readonly client: IotClient;
  readonly clock = new TimerByTimerClock();
  readonly clientId: string;
  /** How the promise of the caller has ended. */
  ended: { readonly version: number } | { readonly error: unknown } | undefined;
  readonly abortReason = new Error('aborted by the model');
  readonly #core: LocalIotCore;
  readonly #denied: Set<string>;
  readonly #options: RequestOptions;
  readonly #shadow: Shadow;
  readonly #abort = new AbortController();
  readonly #blockers = [...Array(SLOTS)].map(() => new AbortController());
  readonly #barriers: Record<'suback' | 'unsuback', Barrier>;
  #operation: AnyActorRef | undefined;
  /** What happens in the midst of the next publish. */
  #meanwhile: ModelEvent | undefined;
  #path: SubjectPath | undefined;

  constructor(
    core: LocalIotCore,
    denied: Set<string>,
    clientId: string,
    options: RequestOptions,
    onStep: (step: InspectionEvent) => void,
  ) {
    this.#core = core;
    this.#denied = denied;
    this.#options = options;
    this.clientId = clientId;
    this.client = createIotClient({
      ...core.plainOptions(clientId),
      clock: this.clock,
      random: () => 0,
      reconnect: { jitter: 'none' },
    });
    this.#barriers = {
      suback: new Barrier(core, { packet: 'suback', clientId }),
      unsuback: new Barrier(core, { packet: 'unsuback', clientId }),
    };
    actorOf(this.client).system.inspect((step) => {
      const actor = step.actorRef as AnyActorRef;
      if (actor.id !== 'delete-1') return;
      this.#operation = actor;
      onStep(step);
      if (step.type === '@xstate.microstep') this.#interfere(step.snapshot as AnyMachineSnapshot);
    });
    this.#shadow = this.client.shadow(this.thing, { persistent: options.keepsTopics });
  }

  get thing(): string {
    return `thing-of-${this.clientId}`;
  }

  /** How often the request has come to the broker. */
  get asked(): number {
    const topic = `$aws/things/${this.thing}/shadow/delete`;
    return this.#core.tap.packets({ direction: 'toBroker', packet: 'publish', topic }).length;
  }

  get state(): string {
    const snapshot = this.#operation?.getSnapshot() as { value: unknown } | undefined;
    return JSON.stringify(snapshot?.value ?? 'waiting');
  }

  /** Takes all places, and asks: now when the path begins with a line, else to wait for one. */
  async begin(path: SubjectPath): Promise<void> {
    this.#path = path;
    const hasLine = path.steps[0]?.event.type === 'line.up';
    const other = this.client.shadow(`${this.thing}-other`);
    for (const { signal } of this.#blockers)
      other.get({ signal, waitForConnection: true, timeoutMs: DELAYS.blocked }).catch(() => undefined);
    if (hasLine && !this.#options.waitForConnection) await this.#connect();
    const { waitForConnection } = this.#options;
    this.#shadow
      .delete({
        waitForConnection,
        signal: this.#abort.signal,
        timeoutMs: DELAYS.deadline,
        clientToken: TOKEN,
      })
      .then(
        (version) => {
          this.ended = { version };
        },
        (error: unknown) => {
          this.ended = { error };
        },
      );
  }

  /** Makes happen what the event of the model says. */
  async perform(event: ModelEvent, step: TestStep): Promise<void> {
    const { steps = [] } = this.#path ?? {};
    this.#meanwhile = isPublishing(step.state) ? steps[steps.indexOf(step) + 1]?.event : undefined;
    if (isPublishing(step.from)) {
      await turns();
      return;
    }
    // Of what had no topics, or no line any more, nothing has to be released.
    if (this.state.includes('done')) return;
    switch (event.type) {
      case 'line.up':
        if (this.state.includes('waiting')) await this.#connect();
        return;
      case 'line.lost':
        if (this.client.status.state === 'live' || this.asked > 0 || this.#core.connections.length > 0) {
          for (const barrier of Object.values(this.#barriers)) barrier.open();
          await this.#core.faults.dropConnections({ clientId: this.clientId });
          await this.client.when('backingOff');
        }
        return;
      case 'slot.taken':
        this.#blockers[0]?.abort();
        return;
      case 'topics.granted':
        await this.#pass('suback', this.#options.keepsTopics ? 2 : 1);
        return;
      case 'topics.refused':
        if (this.state.includes('subscribing')) this.#denied.add(this.#filter);
        await this.#refuse();
        return;
      case 'topics.released':
        this.#barriers.suback.open();
        await this.#pass('unsuback', 1);
        return;
      case 'abort':
        if (this.#abort.signal.aborted || this.ended !== undefined) void this.#shadow.close();
        else this.#abort.abort(this.abortReason);
        return;
      case 'response.accepted':
        await this.#answer('accepted', { version: 7, timestamp: 1, clientToken: TOKEN });
        return;
      case 'response.rejected': {
        const { reasonCode } = event['error'] as IotError;
        await this.#answer('rejected', { code: reasonCode, message: 'by the model', clientToken: TOKEN });
        return;
      }
      case 'response.uncorrelated':
        await this.#answer('rejected', { code: 400, message: 'by the model' });
        return;
      default:
        if (event.type.startsWith('xstate.after.')) this.#timeOut(event.type);
        // The ports of a client do not throw: the machine is told as if they had.
        else this.#operation?.send(event);
        await turns();
    }
  }

  /** A request is written as soon as it may be, so what comes before that comes in the midst of this step. */
  #interfere(snapshot: AnyMachineSnapshot): void {
    const event = this.#meanwhile;
    if (event === undefined || !isPublishing(snapshot)) return;
    this.#meanwhile = undefined;
    if (event.type === 'abort') this.#abort.abort(this.abortReason);
    else if (event.type !== 'request.sent') this.#operation?.send(event);
  }

  /** Lets everything go. */
  async settle(): Promise<void> {
    for (const barrier of Object.values(this.#barriers)) barrier.remove();
    const closing = this.client.close({ flushTimeoutMs: DELAYS.flush });
    if (this.client.status.state === 'disconnecting') this.clock.fire(DELAYS.flush);
    await closing;
  }

  async abandon(): Promise<void> {
    for (const barrier of Object.values(this.#barriers)) barrier.remove();
    actorOf(this.client).stop();
    await this.#core.faults.dropConnections();
  }

  /** Whether the broker has any topic of the shadow for this client. */
  get hasTopics(): boolean {
    const { subscriptions = [] } = this.#core.clients.find((one) => one.clientId === this.clientId) ?? {};
    return subscriptions.some(({ filter }) => filter.startsWith(`$aws/things/${this.thing}/`));
  }

  /** Connects, and waits until those who take the places have asked. */
  async #connect(): Promise<void> {
    const other = `$aws/things/${this.thing}-other/shadow/get`;
    void this.client.connect().catch(() => undefined);
    await this.#pass('suback', 2);
    await this.#core.tap.waitFor({ direction: 'toBroker', packet: 'publish', topic: other }, SLOTS);
    await turns();
  }

  get #filter(): string {
    return `$aws/things/${this.thing}/shadow/${this.#options.keepsTopics ? '+/accepted' : 'delete/+'}`;
  }

  async #refuse(): Promise<void> {
    if (this.state.includes('subscribing')) await this.#pass('suback', 1);
    else void this.client.unsubscribe(this.#filter);
    await turns();
    this.#denied.delete(this.#filter);
  }

  async #answer(how: 'accepted' | 'rejected', body: object): Promise<void> {
    await this.#core.publish(`$aws/things/${this.thing}/shadow/delete/${how}`, JSON.stringify(body));
    await turns();
  }

  async #pass(packet: 'suback' | 'unsuback', times: number): Promise<void> {
    for (let time = 0; time < times; time++) {
      await this.#barriers[packet].caught();
      this.#barriers[packet].open();
    }
    await turns();
  }

  #timeOut(type: string): void {
    if (type.includes('deadline')) this.clock.fire(DELAYS.deadline);
    else if (type.includes('throttle')) this.clock.fire(DELAYS.throttle);
    else if (type.includes('releaseTimeout')) this.clock.fire(DELAYS.release);
    else throw new Error(`the world has no ${type}`);
  }
}

const isPublishing = (snapshot: AnyMachineSnapshot): boolean => /[.r]e?publishing$/.test(placeOf(snapshot));

async function turns(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}
