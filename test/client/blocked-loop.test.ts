import { describe, expect, it } from 'vitest';
import type { IotClient } from '../../src/index.ts';
import type { Hold, LocalIotCore, PacketKind } from '../../src/local/index.ts';
import type { Clock, Timer } from '../../src/protocol/clock.ts';
import { clientOf, freshId, liveClient, settled, useCore } from './support.ts';

const theCore = useCore();

/** Keeps the event loop busy: no timer fires, and no socket is read. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const IMPATIENT = { pingTimeoutMs: 100, operationTimeoutMs: 100 } as const;

interface Blocked {
  readonly core: LocalIotCore;
  readonly client: IotClient;
  /** Holds an answer of the broker until the process is about to be blocked. */
  readonly hold: (packet: PacketKind) => Hold;
}

/** Lets the answer go, so that its bytes are here, and blocks the process before it can read them. */
async function answerUnread(answer: Hold, ms: number): Promise<void> {
  await answer.caught();
  answer.release();
  block(ms);
  await settled();
}

async function impatient(): Promise<Blocked & { connects: () => number }> {
  const core = theCore();
  const clientId = freshId();
  const client = await liveClient(core, { clientId, ...IMPATIENT });
  return {
    core,
    client,
    hold: (packet) => core.tap.hold({ packet, clientId }),
    connects: () => core.tap.packets({ packet: 'connect', clientId }).length,
  };
}

describe('fault:E-8 an event loop that was blocked while the answer was here already', () => {
  it.each([150, 300])('PINGRESP, for %i ms: the line lives', async (ms) => {
    const { client, hold, connects } = await impatient();
    const [puback, pingresp] = [hold('puback'), hold('pingresp')];
    const published = client.publish('a', 'b', { qos: 1 });
    await puback.caught();
    // A PUBACK that never comes makes the line suspect.
    puback.drop();
    await answerUnread(pingresp, ms);
    expect(client.status.state).toBe('live');
    await client.disconnect({ flushTimeoutMs: 0 });
    expect((await published).state).toBe('queued');
    expect(connects()).toBe(1);
  });

  // Longer than it takes until a publish is sent again on a new line, too.
  it.each([300, 700])('PUBACK, for %i ms: the line lives, and the publish is delivered once', async (ms) => {
    const { core, client, hold, connects } = await impatient();
    const topic = freshId();
    const published = client.publish(topic, 'b', { qos: 1 });
    await answerUnread(hold('puback'), ms);
    expect((await published).state).toBe('delivered');
    expect(client.status.state).toBe('live');
    expect([connects(), core.received.filter((one) => one.topic === topic).length]).toEqual([1, 1]);
  });

  it('SUBACK: the line lives, and the filter is granted', async () => {
    const { client, hold, connects } = await impatient();
    const subscribing = client.subscribe('a', () => undefined);
    await answerUnread(hold('suback'), 300);
    expect(await subscribing).toMatchObject({ state: 'granted' });
    expect([client.status.state, connects()]).toEqual(['live', 1]);
  });

  it('UNSUBACK: the line lives', async () => {
    const { client, hold, connects } = await impatient();
    const subscription = await client.subscribe('a', () => undefined);
    const unsubscribing = subscription.unsubscribe();
    await answerUnread(hold('unsuback'), 300);
    await unsubscribing;
    expect([client.status.state, connects()]).toEqual(['live', 1]);
  });

  it('CONNACK: one attempt is enough', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId, ...IMPATIENT });
    const connack = core.tap.hold({ packet: 'connack', clientId });
    const connecting = client.connect();
    await answerUnread(connack, 300);
    await connecting;
    await client.when('live');
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });
});

interface Alarm {
  readonly at: number;
  readonly ring: () => void;
}

/** A clock whose machine can sleep: no timer fires meanwhile, and all that were due ring late, when it wakes. */
class SleepingClock implements Clock {
  #now = 0;
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return this.#now;
  }

  setTimeout(ring: () => void, delayMs: number): Timer {
    const alarm: Alarm = { at: this.#now + delayMs, ring };
    this.#alarms.add(alarm);
    return alarm;
  }

  clearTimeout(timer: Timer): void {
    this.#alarms.delete(timer as Alarm);
  }

  sleep(ms: number): void {
    this.#now += ms;
    const due = [...this.#alarms].filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at);
    for (const alarm of due) if (this.#alarms.delete(alarm)) alarm.ring();
  }

  get pending(): number {
    return this.#alarms.size;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#alarms].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#alarms.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.ring();
    }
    this.#now = end;
  }
}

const NIGHT_MS = 8 * 3_600_000;

describe('fault:E-7 a machine that slept for eight hours', () => {
  async function asleep(options: Parameters<typeof clientOf>[1] = {}) {
    const core = theCore();
    const clientId = freshId();
    const clock = new SleepingClock();
    const got: string[] = [];
    const client = clientOf(core, { clientId, clock, random: () => 0.5, ...options });
    await client.subscribe(clientId, { qos: 1 }, (message) => void got.push(message.text()));
    return { core, clientId, clock, client, got };
  }

  it('gives the line up as it wakes, comes back, and nothing is lost', async () => {
    // The silence is noticed before the missing PUBACKs are.
    const { core, clientId, clock, client, got } = await asleep({ operationTimeoutMs: 60_000 });
    await client.connect();
    await client.when('live');
    // Nobody is there any more, and nobody says so.
    core.faults.freeze({ clientId });
    const calls = ['1', '2', '3'].map((text) => client.publish(clientId, text, { qos: 1 }));
    clock.sleep(NIGHT_MS);
    const status = await client.when('backingOff');
    expect(status).toMatchObject({ attempt: 1, reason: { code: 'PING_TIMEOUT' }, queued: 3 });
    core.faults.thaw({ clientId });
    await core.when(() => !core.connections.some((one) => one.clientId === clientId));
    clock.advance(5);
    await client.when('live');
    for (const receipt of await Promise.all(calls)) await receipt.delivered;
    await core.publish(clientId, 'good morning', { qos: 1 });
    await core.tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId }, 4);
    expect([...new Set(got)]).toEqual(['1', '2', '3', 'good morning']);
  });

  it('between two attempts: tries at once', async () => {
    const { core, clock, client } = await asleep();
    core.faults.refuse({ returnCode: 3, times: 1 });
    const connecting = client.connect();
    await client.when('backingOff');
    clock.sleep(NIGHT_MS);
    await connecting;
  });

  it('in the midst of an attempt: makes another', async () => {
    const { core, clientId, clock, client } = await asleep();
    const connack = core.tap.hold({ packet: 'connack', clientId });
    const connecting = client.connect();
    await connack.caught();
    clock.sleep(NIGHT_MS);
    await client.when('backingOff');
    connack.release();
    clock.advance(5);
    await connecting;
  });

  it('while it ends: is at its end', async () => {
    const { core, clientId, clock, client } = await asleep();
    await client.connect();
    await client.when('live');
    core.faults.freeze({ clientId });
    const published = client.publish('a', 'b', { qos: 1 });
    const ending = client.disconnect();
    clock.sleep(NIGHT_MS);
    clock.sleep(1_000);
    await ending;
    core.faults.thaw({ clientId });
    expect(client.status).toMatchObject({ state: 'idle', queued: 1 });
    expect((await published).state).toBe('queued');
  });

  it('for less than the broker waits: the line is kept', async () => {
    const { core, clientId, clock, client } = await asleep();
    await client.connect();
    await client.when('live');
    clock.sleep(40_000);
    await core.tap.waitFor({ packet: 'pingresp', clientId });
    await settled();
    clock.advance(5_000);
    await settled();
    expect(client.status).toMatchObject({ state: 'live', stable: true });
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });
});
