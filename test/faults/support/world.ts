import { createIotClient, type IotClient, type IotClientOptions, mutualTls } from '../../../src/index.ts';
import type { LocalIotCore } from '../../../src/local/index.ts';
import { ScriptedBroker, type ScriptedBrokerOptions, SimulatedClock } from '../../../src/testing/index.ts';
import { makeAuthority, makeLeaf } from '../../support/certificates.ts';
import { leaksIn, strayConnections } from '../../support/invariants.ts';
import { seeded } from '../../support/seeded.ts';
import { corePlace, type Place, scriptedPlace } from './places.ts';
import { type Printed, watchPrinting } from './printing.ts';
import { WatchedClient } from './watched-client.ts';

export interface WorldOptions {
  /** `real`: time passes by itself. Default `virtual`: it passes when the test says so. */
  readonly clock?: 'virtual' | 'real';
  /** Invariants that do not hold in this test, each with the reason. */
  readonly except?: Readonly<Record<string, string>>;
  /** Makes the clients. Default `createIotClient`; for tests of the harness, which need clients that lie. */
  readonly make?: (options: IotClientOptions) => IotClient;
}

export type ClientOptions = Partial<IotClientOptions> & {
  /** Texts that nothing may show, beside those that the world itself gave to the client. */
  readonly secrets?: readonly string[];
};

/** How many turns of the event loop are granted to what must come, or must not come, without time passing. */
const TURNS = 20;

/**
 * A broker, a clock and clients, for one fault test. When the test is over, all invariants are checked, whatever it was
 * about.
 */
export class World {
  readonly #place: Place;
  readonly #clock: SimulatedClock | undefined;
  readonly #secrets: string[];
  readonly #except: Readonly<Record<string, string>>;
  readonly #make: (options: IotClientOptions) => IotClient;
  readonly #clients: WatchedClient[] = [];
  readonly #printed: Printed = watchPrinting();
  readonly #random = seeded(20);

  constructor(place: Place, options: WorldOptions, secrets: readonly string[] = []) {
    this.#place = place;
    this.#clock = options.clock === 'real' ? undefined : new SimulatedClock();
    this.#except = options.except ?? {};
    this.#make = options.make ?? createIotClient;
    this.#secrets = [...secrets];
  }

  /** The time of all clients of this world. */
  get clock(): SimulatedClock {
    if (this.#clock === undefined) throw new Error('time passes by itself in this world');
    return this.#clock;
  }

  /** A client of this world's broker, watched in all it does. The world closes it. */
  client({ secrets = [], ...options }: ClientOptions = {}): IotClient {
    this.#secrets.push(...secrets);
    const clientId = options.clientId ?? `device-${this.#clients.length + 1}`;
    const place = this.#place.clientOptions(clientId);
    const time = this.#clock === undefined ? {} : { clock: this.#clock };
    const watched = new WatchedClient(
      this.#place,
      { ...place, random: this.#random, ...time, ...options, clientId },
      this.#clock,
      this.#secrets,
      this.#make,
    );
    this.#clients.push(watched);
    return watched.client;
  }

  /** As {@link client}, connected and live. */
  async liveClient(options: ClientOptions = {}): Promise<IotClient> {
    const client = this.client(options);
    await client.connect();
    await client.when('live');
    return client;
  }

  /** Waits until the client backs off, and lets its delay pass. Returns how long it was. */
  async retry(client: IotClient): Promise<number> {
    const status = await client.when('backingOff');
    if (status.state !== 'backingOff') throw new Error(status.state);
    const delay = status.retryAt - this.clock.now();
    this.clock.advance(delay);
    // `retryAt` is rounded: the timer may be half a millisecond behind it.
    if (client.status.state === 'backingOff') this.clock.advance(1);
    return delay;
  }

  /** Lets everything happen that is due without time passing. */
  async settled(turns = TURNS): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time pass from timer to timer, with turns of the event loop in between for sockets. */
  async pass(durationMs: number): Promise<void> {
    const end = this.clock.now() + durationMs;
    for (;;) {
      await this.settled();
      const leftMs = end - this.clock.now();
      if (leftMs <= 0) return;
      this.clock.advance(Math.min(this.clock.nextIn ?? leftMs, leftMs));
    }
  }

  /**
   * @internal Closes every client and says what is wrong.
   * @param stopBroker Called when all are closed: what it still had to send belongs to nobody.
   */
  async end(stopBroker: () => Promise<void>): Promise<string[]> {
    await this.settled();
    for (const one of this.#clients) one.lookAtSubscriptions();
    for (const one of this.#clients) await one.close();
    await this.settled();
    await stopBroker();
    // What a client left behind in time would come now.
    const timers = this.#clock?.pending ?? 0;
    this.#clock?.advance(3_600_000);
    await this.settled();
    const found = timers === 0 ? [] : [`I6 ${timers} timers of the clients' clock were left behind`];
    for (const one of this.#clients) found.push(...(await one.breaches()));
    for (const [clientId, count] of this.#countedIds())
      found.push(...strayConnections(this.#place.mostOpenConnections(clientId), count));
    found.push(...leaksIn(this.#printed.stop(), this.#secrets));
    return found.filter((breach) => !Object.keys(this.#except).some((id) => breach.startsWith(`${id} `)));
  }

  #countedIds(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { clientId } of this.#clients) counts.set(clientId, (counts.get(clientId) ?? 0) + 1);
    return counts;
  }
}

export interface ScriptedWorldOptions extends WorldOptions {
  readonly broker?: ScriptedBrokerOptions;
  /** With mutual TLS; certificate, key and passphrase are made on the spot, and nothing may show them. */
  readonly tls?: boolean;
}

/** Runs a test in a world whose broker it scripts: `it('fault:A-1 …', () => inWorld(async (world, broker) => { … }))`. */
export async function inWorld(
  test: (world: World, broker: ScriptedBroker) => Promise<void>,
  options: ScriptedWorldOptions = {},
): Promise<void> {
  const { tls, signIn = {}, secrets = [] } = options.tls === true ? await tlsParts() : {};
  const broker = await ScriptedBroker.start({ ...options.broker, ...(tls === undefined ? {} : { tls }) });
  const world = new World(scriptedPlace(broker, signIn), options, secrets);
  await runIn(
    world,
    () => test(world, broker),
    () => broker.stop(),
  );
}

/** Runs a test in a world on a local core with a plain port. The core is left as it is. */
export async function inWorldOf(
  core: LocalIotCore,
  test: (world: World) => Promise<void>,
  options: WorldOptions = {},
): Promise<void> {
  const world = new World(corePlace(core), options);
  await runIn(
    world,
    () => test(world),
    () => Promise.resolve(),
  );
}

async function runIn(
  world: World,
  test: () => Promise<void>,
  stopBroker: () => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  const attempt = async (step: () => Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  };
  await attempt(test);
  await attempt(async () => {
    const breaches = await world.end(stopBroker);
    if (breaches.length > 0) throw new Error(`Invariants are broken:\n${breaches.join('\n')}`);
  });
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('\n'));
}

async function tlsParts() {
  const passphrase = 'canary-passphrase-7f3a';
  const authority = await makeAuthority();
  const server = await makeLeaf(authority);
  const device = await makeLeaf(authority, { name: 'device', passphrase });
  const keyLines = device.key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-'));
  return {
    tls: { ...server, ca: authority.cert, requestCert: true },
    signIn: { auth: mutualTls({ ...device, passphrase }), ca: authority.cert },
    secrets: [passphrase, ...keyLines],
  };
}
