import { describe, expect, it } from 'vitest';
import { createIotClient, mutualTls, plainTcp } from '../../src/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import {
  clientOf,
  failureOf,
  freshId,
  judged,
  liveClient,
  settled,
  stillClient,
  unacknowledged,
  useCore,
} from './support.ts';

const theCore = useCore();

describe('connect()', () => {
  it('resolves at CONNACK, over mutual TLS', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { tls: true, clientId });
    const held = core.tap.hold({ packet: 'connack', clientId });
    let isConnected = false;
    const connecting = client.connect().then(() => {
      isConnected = true;
    });
    await held.caught();
    await settled();
    expect(isConnected).toBe(false);
    expect(client.status).toMatchObject({ state: 'connecting', attempt: 1 });
    held.release();
    await connecting;
    expect(['resubscribing', 'draining', 'live']).toContain(client.status.state);
    expect(core.clients).toMatchObject([{ clientId, protocolVersion: 4, clean: true }]);
  });

  it('does not wait for subscriptions: it resolves while a SUBACK is still held', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    await client.subscribe('a', () => undefined);
    const held = core.tap.hold({ packet: 'suback', clientId });
    await client.connect();
    await held.caught();
    expect(client.status.state).toBe('resubscribing');
    held.release();
    await client.when('live');
  });

  it('py:C13 retries the first connect like every other', async () => {
    const core = theCore();
    const { client, clock } = stillClient(core);
    core.faults.stopListening();
    const connecting = client.connect();
    const first = await client.when('backingOff');
    expect(first).toMatchObject({ attempt: 1, retryAt: 5, reason: { code: 'NETWORK_UNREACHABLE' } });
    await core.faults.listen();
    clock.advance(5);
    await connecting;
    expect(client.status.state).not.toBe('backingOff');
  });

  it.each([
    ['a refusal that can be mended from outside', 5, 'NOT_AUTHORIZED', 'backingOff'],
    ['a refusal that only the options can mend', 2, 'INVALID_CLIENT_ID', 'failed'],
  ] as const)('rejects at %s', async (_what, returnCode, code, state) => {
    const core = theCore();
    const { client, clock } = stillClient(core);
    core.faults.refuse({ returnCode, times: 1 });
    const error = await failureOf(client.connect());
    expect(error.code).toBe(code);
    expect(client.status).toMatchObject({ state, reason: { code } });
    // After the first the machine goes on by itself, at the slowest pace; after the second it needs to be told.
    if (state === 'failed') await Promise.all([settled(), client.connect()]);
    else clock.advance(20);
    await client.when('live');
  });

  it('goes on through a refusal that passes by itself', async () => {
    const core = theCore();
    const client = clientOf(core);
    core.faults.refuse({ returnCode: 3, times: 2 });
    await client.connect();
  });

  it('py:C18 (CONNACK 4: there is no WebSocket yet) gives refused credentials one more try, then rejects', async () => {
    const core = theCore();
    const { client, clock } = stillClient(core);
    core.faults.refuse({ returnCode: 4, times: 2 });
    const error = failureOf(client.connect());
    expect(await client.when('backingOff')).toMatchObject({ attempt: 1 });
    clock.advance(5);
    expect(await error).toMatchObject({ code: 'BAD_CREDENTIALS' });
    expect(client.status).toMatchObject({ state: 'backingOff', attempt: 2, retryAt: 25 });
  });

  it('rejects for a key that does not fit, and for a file that is not there', async () => {
    const core = theCore();
    const [lamp, other] = await Promise.all([
      core.deviceCredentials('lamp'),
      core.deviceCredentials('other'),
    ]);
    const { endpoint, port, ca } = lamp;
    const place = { endpoint, port, ca, clientId: 'lamp' };
    const misfit = judged(
      createIotClient({ ...place, auth: mutualTls({ cert: lamp.cert, key: other.key }) }),
    );
    expect(await failureOf(misfit.connect())).toMatchObject({ code: 'KEY_MISMATCH', recovery: 'fatal' });
    expect(misfit.status.state).toBe('failed');
    const lost = judged(
      createIotClient({ ...place, auth: mutualTls({ cert: '/nowhere.pem', key: lamp.key }) }),
    );
    expect(await failureOf(lost.connect())).toMatchObject({ code: 'CREDENTIAL_UNREADABLE' });
    expect(lost.status.state).toBe('backingOff');
  });

  it('py:C19 has every caller wait for the same line', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    await Promise.all([client.connect(), client.connect(), client.connect({ timeoutMs: 10_000 })]);
    await client.connect();
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });

  it('is refused by a closed client', async () => {
    const client = clientOf(theCore());
    await client.close();
    expect(await failureOf(client.connect())).toMatchObject({ code: 'CLOSED' });
  });
});

describe('a connect() that its caller ends', () => {
  it('does not begin when its signal is aborted already (fault:G-5)', async () => {
    const client = clientOf(theCore());
    const reason = new Error('not today');
    await expect(client.connect({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(client.status.state).toBe('idle');
  });

  it('rejects with the reason of its signal, and the line is dropped when nobody else asked', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    const held = core.tap.hold({ packet: 'connack', clientId });
    const giveUp = new AbortController();
    const connecting = expect(client.connect({ signal: giveUp.signal })).rejects.toBe('enough');
    await held.caught();
    giveUp.abort('enough');
    await connecting;
    expect(client.status.state).toBe('idle');
    held.release();
    await core.when(() => !core.connections.some((one) => one.clientId === clientId));
    expect(core.clients.map((one) => one.clientId)).not.toContain(clientId);
  });

  it('py:C13 rejects with TIMEOUT at its deadline, also between two attempts', async () => {
    const core = theCore();
    const { client, clock } = stillClient(core);
    core.faults.stopListening();
    const timedOut = failureOf(client.connect({ timeoutMs: 3 }));
    await client.when('backingOff');
    clock.advance(3);
    // What kept the line from coming up is the news; that time is up the caller knows.
    expect(await timedOut).toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringMatching(/^connect\(\) took longer than 3 ms; the last failure: .*ECONNREFUSED/),
      remediation: expect.stringContaining('the broker is running'),
      cause: { code: 'NETWORK_UNREACHABLE' },
    });
    expect(client.status.state).toBe('idle');
    expect(clock.pending).toBe(0);
    await core.faults.listen();
  });

  it('leaves the line to the others who asked', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    const held = core.tap.hold({ packet: 'connack', clientId });
    const giveUp = new AbortController();
    const patient = client.connect();
    const impatient = client.connect({ signal: giveUp.signal });
    await held.caught();
    giveUp.abort('enough');
    await expect(impatient).rejects.toBe('enough');
    expect(client.status.state).toBe('connecting');
    held.release();
    await patient;
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });

  it('drops the line when the last of several gives up', async () => {
    const core = theCore();
    const { client, clock } = stillClient(core);
    core.faults.stopListening();
    const both = [client.connect({ timeoutMs: 1 }), client.connect({ timeoutMs: 2 })].map(failureOf);
    await client.when('backingOff');
    clock.advance(1);
    expect(client.status.state).toBe('backingOff');
    clock.advance(1);
    expect(client.status.state).toBe('idle');
    expect(await Promise.all(both)).toMatchObject([{ code: 'TIMEOUT' }, { code: 'TIMEOUT' }]);
    await core.faults.listen();
  });

  it('does not drop a line that somebody already has', async () => {
    const core = theCore();
    const clock = new SimulatedClock();
    const client = await liveClient(core, { clock });
    core.faults.stopListening();
    await core.faults.dropConnections();
    await client.when('backingOff');
    const timedOut = failureOf(client.connect({ timeoutMs: 1 }));
    clock.advance(1);
    expect(await timedOut).toMatchObject({ code: 'TIMEOUT' });
    expect(client.status.state).toBe('backingOff');
    await core.faults.listen();
    clock.advance(4);
    await client.when('live');
  });

  it('leaves no listener on the signal, however it ended (fault:G-5)', async () => {
    const core = theCore();
    const client = clientOf(core);
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...given: Parameters<typeof add>) => {
      listeners.add(given[1]);
      add(...given);
    };
    signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      listeners.delete(given[1]);
      remove(...given);
    };
    await client.connect({ signal });
    await client.when('live', { signal });
    await client.publish('a', 'b', { signal, qos: 1 });
    const subscription = await client.subscribe('a', { signal }, () => undefined);
    await subscription.unsubscribe({ signal });
    await client.unsubscribe('b', { signal });
    expect(listeners.size).toBe(0);
    await client.disconnect();
    const never = failureOf(client.when('failed', { signal }));
    await client.publish('a', 'b', { signal });
    expect(listeners.size).toBe(2);
    await client.close();
    expect(await never).toMatchObject({ code: 'CLOSED' });
    expect(listeners.size).toBe(0);
  });
});

describe('fault:G-2 connect() in each state: one socket, and one end for each call', () => {
  it('backing off: waits for the next attempt', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    core.faults.refuse({ returnCode: 3, times: 1 });
    const first = client.connect();
    await client.when('backingOff');
    const second = client.connect();
    await settled();
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
    clock.advance(5);
    await Promise.all([first, second]);
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(2);
  });

  it('networkOnline() ends a backoff at once, and does nothing elsewhere', async () => {
    const core = theCore();
    const { client } = stillClient(core);
    client.networkOnline();
    expect(client.status.state).toBe('idle');
    core.faults.refuse({ returnCode: 3, times: 1 });
    const connecting = client.connect();
    await client.when('backingOff');
    client.networkOnline();
    await connecting;
    client.networkOnline();
    expect(client.status.state).not.toBe('connecting');
  });

  it('closing: rejects with CLOSED', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const { held, published } = await unacknowledged(core, client, clientId);
    const closing = client.close();
    const late = failureOf(client.connect());
    held.release();
    await Promise.all([closing, published]);
    expect(await late).toMatchObject({ code: 'CLOSED' });
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });

  it('a second client with the same id takes the line, and the first says why it lost it', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client: first } = stillClient(core, { clientId });
    await first.connect();
    const second = await liveClient(core, { clientId });
    expect(await first.when('backingOff')).toMatchObject({ reason: { code: 'CONNECTION_LOST' } });
    expect(second.status.state).toBe('live');
    await core.when(() => core.connections.filter((one) => one.clientId === clientId).length === 1);
  });

  it('a broker without TLS is refused for AWS before anything is dialed', () => {
    const endpoint = 'abc-ats.iot.eu-west-1.amazonaws.com';
    expect(() => createIotClient({ endpoint, clientId: 'a', auth: plainTcp() })).toThrow(/plainTcp/);
  });
});
