import { describe, expect, it, vi } from 'vitest';
import { freshId, liveClient, settled, useCore } from './support.ts';

const theCore = useCore();

const FAULTY: readonly (readonly [string, () => unknown])[] = [
  [
    'throws',
    () => {
      throw new Error('handler broke');
    },
  ],
  ['rejects', () => Promise.reject(new Error('handler broke'))],
  [
    'gives a thenable that throws',
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: that is the fault.
      then() {
        throw new Error('handler broke');
      },
    }),
  ],
];

describe('fault:G-1 a handler of the app', () => {
  it.each(FAULTY)('that %s is reported once, and everything goes on', async (_what, faulty) => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const reported: unknown[] = [];
    client.on('handlerError', ({ error }) => reported.push((error as Error).message));
    const got: string[] = [];
    await client.subscribe(clientId, { qos: 1 }, faulty);
    await client.subscribe(clientId, { qos: 1 }, (message) => void got.push(message.text()));
    client.on('message', (message) => got.push(`event ${message.text()}`));
    for (const text of ['1', '2']) await client.publish(clientId, text, { qos: 1 });
    await core.tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId }, 2);
    await settled(2);
    expect(got).toEqual(['1', 'event 1', '2', 'event 2']);
    expect(reported).toEqual(['handler broke', 'handler broke']);
    expect(client.status.state).toBe('live');
  });

  it.each(FAULTY)('that %s is printed when nobody listens', async (_what, faulty) => {
    const core = theCore();
    const clientId = freshId();
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const client = await liveClient(core, { clientId });
    await client.subscribe(clientId, { qos: 1 }, faulty);
    await client.publish(clientId, 'x', { qos: 1 });
    await core.tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId });
    await settled(2);
    expect(printed.mock.calls).toEqual([
      ['aws-iot-machines: a function of the app failed:', new Error('handler broke')],
    ]);
  });

  it('that never returns holds up nothing', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const got: string[] = [];
    await client.subscribe(clientId, { qos: 1 }, () => new Promise(() => undefined));
    await client.subscribe(clientId, { qos: 1 }, (message) => void got.push(message.text()));
    for (const text of ['1', '2']) await client.publish(clientId, text, { qos: 1 });
    await core.tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId }, 2);
    expect(got).toEqual(['1', '2']);
  });

  it('that fails is reported in a task of its own: the listener may make any call', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const ended = new Promise<void>((resolve) => client.on('handlerError', () => resolve(client.close())));
    await client.subscribe(clientId, () => {
      throw new Error('handler broke');
    });
    await core.publish(clientId, 'x');
    await ended;
    expect(client.status.state).toBe('closed');
  });
});

describe('fault:G-1 a listener of the app', () => {
  it.each(FAULTY)('of status that %s is reported, and the others are told', async (_what, faulty) => {
    const client = await liveClient(theCore());
    const reported: unknown[] = [];
    const told: string[] = [];
    client.on('handlerError', ({ error }) => reported.push((error as Error).message));
    client.on('status', faulty);
    client.on('status', ({ state }) => told.push(state));
    await client.disconnect();
    await settled(2);
    expect(told).toEqual(['disconnecting', 'idle']);
    expect(reported).toEqual(['handler broke', 'handler broke']);
  });

  it.each(FAULTY)('of handlerError that %s leaves only the console', async (_what, faulty) => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const client = await liveClient(theCore());
    client.on('handlerError', faulty);
    client.on('status', () => {
      throw new Error('listener broke');
    });
    await client.close();
    await settled(2);
    expect(printed.mock.calls).not.toEqual([]);
    for (const call of printed.mock.calls)
      expect(call).toEqual([
        'aws-iot-machines: a listener of handlerError failed:',
        new Error('handler broke'),
      ]);
  });

  it('that is removed is called no more, even for what has just happened', async () => {
    const client = await liveClient(theCore());
    const told: string[] = [];
    const stop = client.on('status', ({ state }) => told.push(state));
    const listener = (status: { state: string }): unknown => told.push(`twice ${status.state}`);
    const stopFirst = client.on('status', listener);
    client.on('status', listener);
    const ending = client.disconnect();
    stop();
    stopFirst();
    stopFirst();
    await ending;
    await settled(2);
    expect(told).toEqual(['twice disconnecting', 'twice idle']);
  });
});
