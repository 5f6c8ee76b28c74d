import type { IotClient } from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import type { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { settled } from './support.ts';

/** Whether the client does nothing but wait for time to pass: between two attempts, or on a line that stays quiet. */
function isWaiting(client: IotClient): boolean {
  if (client.status.state === 'backingOff') return true;
  const connection = actorOf(client).getSnapshot().children.connection?.getSnapshot();
  return connection?.matches({ line: { connected: { session: { up: 'quiet' } } } }) ?? false;
}

/** Lets time pass, but only while nothing else can happen, until `isDone`. Returns how long it took, in milliseconds. */
export async function passTime(
  client: IotClient,
  clock: SimulatedClock,
  isDone: () => boolean,
): Promise<number> {
  const start = clock.now();
  for (let turn = 0; turn < 20_000 && !isDone(); turn++) {
    await settled(3);
    if (!isDone() && isWaiting(client)) clock.advance(clock.nextIn ?? 0);
  }
  if (!isDone()) throw new Error(`not done in time; ${JSON.stringify(client.status)}`);
  return clock.now() - start;
}
