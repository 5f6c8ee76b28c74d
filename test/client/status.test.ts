import { describe, expect, it } from 'vitest';
import { connectionStatus } from '../../src/client/status.ts';
import type { Status } from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import {
  clientOf,
  closeNow,
  collect,
  cutLine,
  failureOf,
  freshId,
  liveClient,
  stillClient,
  useCore,
} from './support.ts';

const theCore = useCore();

const names = (story: readonly Status[]): string[] =>
  story.map(({ state, stable }) => (stable ? `${state}, stable` : state));

describe('the story of the status (fault:I12)', () => {
  it('tells each step of a life, by stream and by event alike', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    const streams = [collect(client.statusChanges()), collect(client.statusChanges())];
    const events: Status[] = [];
    client.on('status', (status) => events.push(status));
    await client.subscribe('a', () => undefined);
    const receipt = await client.publish('a', 'b', { qos: 1 });

    const connecting = client.connect();
    expect(client.status).toEqual({ state: 'connecting', attempt: 1, stable: false, queued: 1, inFlight: 0 });
    await connecting;
    await client.when('draining');
    clock.advance(500);
    await client.when('live');
    await receipt.delivered;
    clock.advance(10_000);
    expect(client.status).toEqual({
      state: 'live',
      stable: true,
      sessionPresent: false,
      queued: 0,
      inFlight: 0,
    });

    core.faults.refuse({ returnCode: 3, times: 1 });
    await core.faults.dropConnections({ clientId });
    const lost = await client.when('backingOff');
    expect(lost).toMatchObject({
      attempt: 1,
      retryAt: clock.now() + 5,
      reason: { code: 'CONNECTION_LOST' },
      stable: false,
    });
    clock.advance(5);
    expect(await client.when('connecting')).toMatchObject({ attempt: 2 });
    expect(await client.when('backingOff')).toMatchObject({
      attempt: 2,
      reason: { code: 'SERVER_UNAVAILABLE' },
    });
    await client.disconnect();
    await client.close();

    const [story, same] = await Promise.all(streams);
    expect(names(story!)).toEqual([
      'connecting',
      'resubscribing',
      'draining',
      'live',
      'live, stable',
      'backingOff',
      'connecting',
      'backingOff',
      'idle',
      'closed',
    ]);
    expect(same).toEqual(story);
    expect(events).toEqual(story);
  });

  it('matches the snapshots of the machine, one change for each that differs', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    const told = collect(client.statusChanges());
    const { connection } = actorOf(client).getSnapshot().children;
    const seen: string[] = [];
    connection?.subscribe((snapshot) => {
      const { state } = connectionStatus(snapshot);
      if (seen.at(-1) !== state) seen.push(state);
    });
    await client.connect();
    await client.when('live');
    for (let cut = 0; cut < 3; cut++) {
      await cutLine(core, client, clientId);
      await client.when('live');
    }
    await client.disconnect();
    await client.close();
    expect([...seen, 'closed']).toEqual(names(await told));
  });

  it('counts what is queued and in flight as it is now', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client } = stillClient(core, { clientId });
    for (const text of ['1', '2', '3']) await client.publish('a', text, { qos: 1 });
    expect(client.status).toMatchObject({ queued: 3, inFlight: 0 });
    const held = core.tap.hold({ packet: 'puback', clientId });
    await client.connect();
    await held.caught();
    expect(client.status).toMatchObject({ state: 'draining', queued: 2, inFlight: 1 });
    await core.faults.dropConnections({ clientId });
    expect(await client.when('backingOff')).toMatchObject({ queued: 3, inFlight: 0 });
    held.release();
  });
});

describe('statusChanges()', () => {
  it('begins now, whatever was before, and ends at once on a closed client', async () => {
    const client = await liveClient(theCore());
    const late = client.statusChanges();
    await client.close();
    expect(names(await collect(late))).toEqual(['disconnecting', 'closed']);
    expect(await collect(client.statusChanges())).toEqual([]);
  });

  it('a loop may end early; the others go on', async () => {
    const client = clientOf(theCore());
    const other = collect(client.statusChanges());
    const connecting = client.connect();
    for await (const { state } of client.statusChanges()) if (state === 'live') break;
    await connecting;
    await client.close();
    expect((await other).at(-1)?.state).toBe('closed');
  });

  it('return() ends a next() that waits', async () => {
    const client = clientOf(theCore());
    const changes = client.statusChanges();
    const next = changes.next();
    await changes.return?.();
    expect(await next).toEqual({ value: undefined, done: true });
    expect(await changes.next()).toEqual({ value: undefined, done: true });
  });

  it('keeps 1,000 changes for whoever is late, the newest ones', async () => {
    const { client, clock } = stillClient(theCore());
    const changes = client.statusChanges();
    for (let round = 0; round < 505; round++) {
      const connecting = failureOf(client.connect());
      await client.disconnect();
      await connecting;
    }
    await closeNow(client, clock);
    const kept = await collect(changes);
    expect(kept).toHaveLength(1_000);
    expect(kept.at(-1)?.state).toBe('closed');
  });
});

describe('when()', () => {
  it('resolves at once when it is so now, and with the status when it becomes so', async () => {
    const client = clientOf(theCore());
    expect(await client.when('idle')).toEqual({ state: 'idle', stable: false, queued: 0, inFlight: 0 });
    const live = client.when('live');
    await client.connect();
    expect((await live).state).toBe('live');
  });

  it('rejects with the reason when the client fails, and with CLOSED when it is closed', async () => {
    const core = theCore();
    const client = clientOf(core);
    core.faults.refuse({ returnCode: 2, times: 1 });
    const waiting = [failureOf(client.when('live')), client.when('failed'), failureOf(client.connect())];
    const [never, failed] = await Promise.all(waiting);
    expect(never).toMatchObject({ code: 'INVALID_CLIENT_ID' });
    expect(failed).toMatchObject({ state: 'failed', reason: { code: 'INVALID_CLIENT_ID' } });
    expect(await failureOf(client.when('live'))).toMatchObject({ code: 'INVALID_CLIENT_ID' });
    expect((await client.when('failed')).state).toBe('failed');
    const closed = client.when('closed');
    // It has failed: what does not hold now would wait for ever.
    expect(await failureOf(closed)).toMatchObject({ code: 'INVALID_CLIENT_ID' });
    await client.close();
    expect(await failureOf(client.when('idle'))).toMatchObject({ code: 'CLOSED' });
    expect((await client.when('closed')).state).toBe('closed');
  });
});
