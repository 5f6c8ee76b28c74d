// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { plainTcp } from 'aws-iot-machines';
import { startLocalIotCore } from 'aws-iot-machines/local';
import { FaultProxy } from 'aws-iot-machines/testing';
import { Mosquitto } from '../support/mosquitto.mjs';

const HOST = '127.0.0.1';

/**
 * @typedef {import('./faults.mjs').World & {
 *   options: (clientId: string) => import('aws-iot-machines').IotClientOptions,
 *   arrivals?: () => string[],
 *   stop: () => Promise<void>,
 * }} Broker `arrivals` in the order in which the broker took them, where it does not keep that order for a session
 */

/**
 * Each starts a broker behind a proxy.
 *
 * @type {Readonly<Record<string, () => Promise<Broker>>>}
 */
export const BROKERS = {
  local: async () => {
    const core = await startLocalIotCore();
    const proxy = await FaultProxy.start({ to: { host: HOST, port: core.port } });
    return {
      proxy,
      options: (clientId) => ({
        ...core.deviceOptions(clientId),
        endpoint: HOST,
        port: proxy.port,
      }),
      brokerFaults: { restart: (downMs) => core.restart({ downMs }) },
      // What comes while it empties the queue of a session overtakes that queue.
      arrivals: () => core.received.map(({ payload }) => payload.toString()),
      stop: async () => {
        await proxy.stop();
        await core.stop();
      },
    };
  },

  mosquitto: async () => {
    const broker = await Mosquitto.start({ settings: ['allow_anonymous true', 'max_queued_messages 0'] });
    const proxy = await FaultProxy.start({ to: { host: HOST, port: broker.port } });
    return {
      proxy,
      options: (clientId) => ({
        clientId,
        endpoint: HOST,
        port: proxy.port,
        auth: plainTcp(),
      }),
      brokerFaults: {
        restart: async (downMs) => {
          await broker.stop();
          await sleep(downMs);
          await broker.start();
        },
        kill: async (downMs) => {
          // It acknowledges before it writes to the disk: what it says last must not arrive, or it loses what it promised.
          proxy.freeze('toClient');
          await broker.saved();
          await broker.kill();
          proxy.cut();
          proxy.thaw();
          await sleep(downMs);
          await broker.start();
        },
      },
      stop: async () => {
        await proxy.stop();
        await broker.remove();
      },
    };
  },
};
