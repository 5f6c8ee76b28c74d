// The program of a user: a device publishes numbers, a listener receives them. It knows nothing of what happens to the line.
import { setTimeout as sleep } from 'node:timers/promises';
import { createIotClient } from 'aws-iot-machines';

/** Publishes until the signal says stop. `tell(what, number)` hears what becomes of each number. */
export async function publishNumbers(options, tell, signal) {
  const patience = {
    keepAliveSeconds: 2,
    pingTimeoutMs: 1_000,
    operationTimeoutMs: 1_000,
    attemptTimeoutMs: 3_000,
  };
  const reconnect = { baseMs: 100, maxMs: 2_000, stableMs: 5_000 };
  const offlineQueue = { maxMessages: Number.POSITIVE_INFINITY, drain: { perSecond: 100 } };
  const listener = createIotClient({ ...options('listener'), ...patience, reconnect, session: 'persistent' });
  const device = createIotClient({ ...options('device'), ...patience, reconnect, offlineQueue });
  await listener.connect();
  await listener.subscribe('numbers', { qos: 1 }, (message) => tell('received', message.text()));
  await device.connect();
  const publish = async (number) => (await device.publish('numbers', number, { qos: 1 })).delivered;
  void (async () => {
    for (let number = 1; !signal.aborted; number++) {
      tell('accepted', `${number}`);
      publish(number).then(
        () => tell('delivered', `${number}`),
        (error) => tell('rejected', `${number}`, error),
      );
      await sleep(200);
    }
  })();
  return { device, listener };
}
