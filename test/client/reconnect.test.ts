import { describe, expect, it } from 'vitest';
import { clientOf, cutLine, freshId, settled, stillClient, useCore } from './support.ts';

const theCore = useCore();

const LAW = { baseMs: 1_000, maxMs: 32_000, stableMs: 20_000, jitter: 'none' } as const;

describe('a broken line', () => {
  it('py:B8 is tried again after 1, 2, 4, 8, 16, 32, 32 seconds', async () => {
    const core = theCore();
    const { client, clock } = stillClient(core, { reconnect: LAW });
    core.faults.refuse({ returnCode: 3 });
    const connecting = client.connect();
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 7; attempt++) {
      const status = await client.when('backingOff');
      if (status.state !== 'backingOff') throw new Error(status.state);
      expect(status.attempt).toBe(attempt);
      delays.push(status.retryAt - clock.now());
      if (attempt === 7) core.faults.refuse({ times: 0 });
      clock.advance(status.retryAt - clock.now() - 1);
      expect(client.status.state).toBe('backingOff');
      clock.advance(1);
      expect(client.status.state).toBe('connecting');
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000]);
    await connecting;
  });

  it.each([
    ['py:B7 not forgiven when the line lasted less than stableMs', 19_999, 2_000],
    ['py:B6 forgiven when it lasted', 20_000, 1_000],
  ])('%s', async (_what, lastedMs, delay) => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId, reconnect: LAW });
    core.faults.refuse({ returnCode: 3, times: 1 });
    const connecting = client.connect();
    await client.when('backingOff');
    clock.advance(1_000);
    await connecting;
    await client.when('live');
    clock.advance(lastedMs);
    expect(client.status.stable).toBe(lastedMs === 20_000);
    await cutLine(core, client, clientId);
    expect(client.status).toMatchObject({ retryAt: clock.now() + delay });
  });

  it.each<[string, () => unknown, unknown]>([
    [
      'throws',
      () => {
        throw new Error('no luck');
      },
      { message: 'no luck' },
    ],
    [
      'gives 1',
      () => 1,
      { code: 'INVALID_ARGUMENT', message: expect.stringMatching(/random\(\).*given: 1$/) },
    ],
    ['gives NaN', () => Number.NaN, { message: expect.stringContaining('NaN') }],
    ['gives a promise', () => Promise.resolve(0.1), { code: 'INVALID_ARGUMENT' }],
  ])(
    'is tried again as with 0.5 when the random of the app %s, which is reported once',
    async (_what, random, error) => {
      const core = theCore();
      const reconnect = { ...LAW, jitter: 'equal' } as const;
      const { client, clock } = stillClient(core, { reconnect, random: random as () => number });
      const reported: unknown[] = [];
      client.on('handlerError', (event) => reported.push(event.error));
      core.faults.refuse({ returnCode: 3, times: 2 });
      const connecting = client.connect();
      for (const delay of [750, 1_500]) {
        await client.when('backingOff');
        expect(client.status).toMatchObject({ retryAt: clock.now() + delay });
        clock.advance(delay);
      }
      await connecting;
      expect(reported).toMatchObject([error]);
    },
  );

  it('fault:A-9 a CONNACK that never comes ends the attempt, and a late one is ignored (fault:A-8)', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId, attemptTimeoutMs: 100 });
    const held = core.tap.hold({ packet: 'connack', clientId });
    const connecting = client.connect();
    await held.caught();
    clock.advance(100);
    expect(client.status).toMatchObject({ state: 'backingOff', reason: { code: 'ATTEMPT_TIMEOUT' } });
    held.release();
    await settled();
    expect(client.status.state).toBe('backingOff');
    clock.advance(5);
    await connecting;
  });

  it('fault:A-13 a line that is half open is noticed, and what was on it is delivered', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId, tls: true });
    await client.connect();
    await client.when('live');
    core.faults.freeze({ clientId });
    const published = client.publish('a', 'b', { qos: 1 });
    clock.advance(5_000);
    clock.advance(5_000);
    expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'PING_TIMEOUT' } });
    const receipt = await published;
    expect(receipt.state).toBe('queued');
    core.faults.thaw({ clientId });
    clock.advance(5);
    await receipt.delivered;
  });

  it('py:D11 cut in the middle of the drain: exactly what was not sent goes after it, in order', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    for (const text of ['q1', 'q2', 'q3', 'q4', 'q5']) await client.publish('a', text);
    await client.connect();
    await client.when('draining');
    clock.advance(500);
    const sent = (): string[] =>
      core.received.filter((one) => one.clientId === clientId).map(({ payload }) => payload.toString());
    await core.when(() => sent().length === 2);
    await cutLine(core, client, clientId);
    expect(client.status.queued).toBe(3);
    clock.advance(5);
    await client.when('draining');
    for (let beat = 0; beat < 3; beat++) clock.advance(500);
    await client.when('live');
    await core.when(() => sent().length === 5);
    expect(sent()).toEqual(['q1', 'q2', 'q3', 'q4', 'q5']);
  });

  it('py:D7 the queue waits for the SUBACK', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    await client.subscribe('a', () => undefined);
    const receipt = await client.publish('a', 'b', { qos: 1 });
    const held = core.tap.hold({ packet: 'suback', clientId });
    await client.connect();
    await held.caught();
    await settled();
    expect(core.tap.packets({ packet: 'publish', clientId })).toHaveLength(0);
    held.release();
    await receipt.delivered;
    const order = core.tap.packets({ direction: 'toBroker', clientId }).map(({ packet }) => packet);
    expect(order.slice(0, 3)).toEqual(['connect', 'subscribe', 'publish']);
  });

  it('fault:A-20 a broker that restarts gets everything again', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId, tls: true });
    const got: string[] = [];
    await client.subscribe(clientId, { qos: 1 }, (message) => void got.push(message.text()));
    await client.connect();
    await client.when('live');
    const lost = client.when('backingOff');
    await core.restart();
    await lost;
    await client.when('live');
    await client.publish(clientId, 'after', { qos: 1 });
    await core.tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId });
    expect(got).toEqual(['after']);
  });
});
