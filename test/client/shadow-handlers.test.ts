// Handlers of deltas among one another, and a watched shadow without a line or an answer: the cloud is played by hand.
import { expect, test } from 'vitest';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { handPlayed, machineOf, useHandPlayed } from './shadow-support.ts';
import { settled } from './support.ts';

const broker = useHandPlayed();

const delta = (version: number) => ({ version, timestamp: 7, state: { a: version }, metadata: {} });

test('a handler that never ends and was taken away holds up nobody', async () => {
  const { client, cloud } = await handPlayed(broker(), { clock: new SimulatedClock() });
  const shadow = client.shadow(cloud.thingName);
  const stop = shadow.onDelta(() => new Promise(() => {}));
  await cloud.gives({ version: 2, state: {} });
  await cloud.say('update/delta', delta(3));
  const versions: number[] = [];
  shadow.onDelta(({ version }) => versions.push(version));
  await settled();
  expect(versions).toEqual([]);
  stop();
  await settled();
  expect(versions).toEqual([3]);
  await cloud.say('update/delta', delta(4));
  expect(versions).toEqual([3, 4]);
});

test('one that fails after it was taken away is reported, and leaves nothing outstanding', async () => {
  const { client, cloud } = await handPlayed(broker(), { clock: new SimulatedClock() });
  const shadow = client.shadow(cloud.thingName);
  const errors: unknown[] = [];
  client.on('handlerError', ({ error }) => errors.push(error));
  const versions: number[] = [];
  shadow.onDelta(({ version }) => versions.push(version));
  let fail = (_: unknown): void => {};
  const stop = shadow.onDelta(
    () =>
      new Promise((_, reject) => {
        fail = reject;
      }),
  );
  await cloud.gives({ version: 2, state: {} });
  await cloud.say('update/delta', delta(3));
  stop();
  await settled();
  fail('too late');
  await settled();
  expect(errors).toEqual(['too late']);
  expect(machineOf(client, shadow).value).toMatchObject({ delta: 'none' });
  expect(versions).toEqual([3]);
});

test('py:H7 fault:H-7 what is watched without a line is asked for as soon as there is one', async () => {
  const { client, cloud } = await handPlayed(broker(), { clock: new SimulatedClock() });
  const shadow = client.shadow(cloud.thingName);
  const getting = shadow.get();
  await cloud.gives({ version: 2, state: {} });
  await getting;
  await client.disconnect();
  shadow.onState(() => {});
  await settled();
  expect(machineOf(client, shadow).value).toMatchObject({ copy: { watched: 'subscribing' } });
  await client.connect();
  await client.when('live');
  // The clock stands still: it waits for nothing else.
  await cloud.gives({ version: 3, state: {} }, 2);
  expect(shadow.state).toMatchObject({ version: 3, synced: true });
});

test('fault:H-13 a document that AWS refuses is told of, and asked for again', async () => {
  const clock = new SimulatedClock();
  const { client, cloud } = await handPlayed(broker(), { clock });
  const warnings: string[] = [];
  client.on('warning', ({ message }) => warnings.push(message));
  const shadow = client.shadow(cloud.thingName);
  shadow.onState(() => {});
  const { clientToken } = await cloud.request('get');
  await cloud.say('get/rejected', { code: 403, message: 'Forbidden', clientToken });
  expect(warnings).toEqual([
    `shadow ${cloud.thingName}: its document could not be had, and is asked for again: the get was rejected: 403 "Forbidden"`,
  ]);
  clock.advance(1_000);
  await cloud.gives({ version: 1, state: {} }, 2);
  expect(shadow.state.synced).toBe(true);
  expect(warnings).toHaveLength(1);
});
