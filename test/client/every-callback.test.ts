import { describe, expect, it } from 'vitest';
import { plainTcp } from '../../src/adapters/plain-tcp.ts';
import type { IotClientOptions } from '../../src/client/options.ts';
import type { IotClient } from '../../src/index.ts';
import { emittedAfterClosed } from '../support/invariants.ts';
import { KNOWN, Scene } from './every-state-support.ts';
import { useCore } from './support.ts';

const theCore = useCore();

/** Each call, and what it may come to when it is made on a line. */
const CALLS: readonly (readonly [name: string, call: (client: IotClient) => unknown, comesTo: RegExp])[] = [
  ['connect()', (client) => client.connect(), /^live ok$/],
  ['disconnect()', (client) => client.disconnect(), /^idle ok$/],
  ['disconnect() at once', (client) => client.disconnect({ flushTimeoutMs: 0 }), /^idle ok$/],
  ['close()', (client) => client.close(), /^closed ok$/],
  ['close() at once', (client) => client.close({ flushTimeoutMs: 0 }), /^closed ok$/],
  ['publish() QoS 0', (client) => client.publish('a', 'b'), /^live (delivered|queued>ok)$/],
  ['publish() QoS 1', (client) => client.publish('a', 'b', { qos: 1 }), /^live (delivered|queued>ok)$/],
  ['subscribe()', (client) => client.subscribe('new', () => undefined), /^live (granted|recorded>ok)$/],
  ['unsubscribe()', (client) => client.unsubscribe(KNOWN), /^live ok$/],
  ['when()', (client) => client.when('live'), /^live ok$/],
  ['networkOnline()', networkOnline, /^live -$/],
];

function networkOnline(client: IotClient): void {
  client.networkOnline();
}

interface Callback {
  readonly options?: Partial<IotClientOptions>;
  /** Has `run` called from inside of the callback. */
  readonly arrange: (scene: Scene, run: () => void) => Promise<unknown>;
}

/** A sign-in that finds something to warn of. */
const warning = (): NonNullable<IotClientOptions['auth']> => {
  const plain = plainTcp();
  return {
    kind: 'plainTcp',
    defaultPort: () => plain.defaultPort(),
    validate: () => undefined,
    signIn: (context) => {
      context.warn?.('look at this');
      return plain.signIn(context);
    },
  };
};

/** Brings a client, with KNOWN granted before, to a line that stays quiet: `atQuiet` is called just before it begins. */
async function quiet(scene: Scene, atQuiet: () => void = () => undefined): Promise<void> {
  await scene.live();
  const puback = scene.hold({ packet: 'puback' });
  scene.client.publish('suspect', '', { qos: 1 }).catch(() => undefined);
  for (let close = 0; close < 2; close++) {
    await puback.caught();
    const lost = scene.client.when('backingOff');
    await scene.core.faults.dropConnections({ clientId: scene.clientId });
    await lost;
    if (close === 1) atQuiet();
    scene.clock.advance(scene.clock.nextIn ?? 0);
    await scene.client.when('resubscribing');
  }
}

const PERSISTENT = { session: 'persistent' } as const;

const CALLBACKS: Record<string, Callback> = {
  'a message handler': {
    async arrange(scene, run) {
      await scene.client.subscribe('x', run);
      await scene.live();
      await scene.core.publish('x', '');
    },
  },
  'a listener of message': {
    async arrange(scene, run) {
      scene.client.on('message', run);
      await scene.live();
      await scene.core.publish(KNOWN, '');
    },
  },
  'a listener of handlerError': {
    async arrange(scene, run) {
      scene.client.on('handlerError', run);
      await scene.client.subscribe('x', () => Promise.reject(new Error('of the app')));
      await scene.live();
      await scene.core.publish('x', '');
    },
  },
  'a listener of undelivered': {
    async arrange(scene, run) {
      scene.client.on('undelivered', run);
      await scene.live();
      await scene.client.disconnect();
      await scene.client.publish('a', 'b', { timeoutMs: 1 });
      await scene.client.connect();
      scene.clock.advance(1);
    },
  },
  'a listener of subscriptionRefused': {
    async arrange(scene, run) {
      scene.client.on('subscriptionRefused', run);
      await scene.live();
      await scene.client.subscribe('$share/g/a', () => undefined).catch(() => undefined);
    },
  },
  'a listener of overflow': {
    async arrange(scene, run) {
      scene.client.on('overflow', run);
      const iterator = scene.client.messages('x', { bufferSize: 1 })[Symbol.asyncIterator]();
      void iterator.next();
      await scene.live();
      for (let message = 0; message < 3; message++) await scene.core.publish('x', '');
    },
  },
  'a listener of warning': {
    options: { auth: warning() },
    async arrange(scene, run) {
      scene.client.on('warning', run);
      await scene.client.connect().catch(() => undefined);
    },
  },
  'the reaction to connect()': { arrange: (scene, run) => scene.client.connect().then(run) },
  'the reaction to when()': {
    async arrange(scene, run) {
      const draining = scene.client.when('draining').then(run);
      await scene.client.connect();
      await draining;
    },
  },
  'the reaction to granted': {
    async arrange(scene, run) {
      const { granted } = await scene.client.subscribe('x', () => undefined);
      const ran = granted.then(run);
      await scene.client.connect();
      await ran;
    },
  },
  'the reaction to delivered': {
    async arrange(scene, run) {
      const { delivered } = await scene.client.publish('a', 'b', { qos: 1 });
      const ran = delivered.then(run);
      await scene.client.connect();
      await ran;
    },
  },
  'a listener of status, on a quiet line': {
    arrange: (scene, run) =>
      quiet(scene, () => {
        scene.client.on('status', ({ state }) => {
          if (state === 'resubscribing') run();
        });
      }),
  },
  'the reaction to connect(), on a quiet line': {
    async arrange(scene, run) {
      let connected: Promise<void> | undefined;
      await quiet(scene, () => {
        connected = scene.client.connect();
      });
      await connected?.then(run);
    },
  },
  'a message handler, on a quiet line': {
    options: PERSISTENT,
    async arrange(scene, run) {
      await scene.client.subscribe('x', { qos: 1 }, run);
      await quiet(scene);
      await scene.core.publish('x', '');
    },
  },
  'a listener of undelivered, on a quiet line': {
    async arrange(scene, run) {
      scene.client.on('undelivered', run);
      await quiet(scene);
      await scene.client.publish('a', 'b', { timeoutMs: 1 });
      scene.clock.advance(1);
    },
  },
};

describe.each(Object.entries(CALLBACKS))('fault:G-4 inside of %s', (_name, { options, arrange }) => {
  it.each(CALLS)('%s', async (_call, call, comesTo) => {
    const scene = new Scene(theCore(), options);
    await scene.client.subscribe(KNOWN, () => undefined);
    let made: unknown[] | undefined;
    const ran = new Promise<void>((resolve) => {
      const run = (): void => {
        made ??= [call(scene.client)];
        resolve();
      };
      arrange(scene, run).catch(() => undefined);
    });
    await ran;
    const told = await scene.play(() => made ?? []);
    expect(told.replaceAll('…', '')).toMatch(comesTo);
    expect(scene.signIn.mostAtOnce).toBeLessThanOrEqual(1);
    expect(emittedAfterClosed(scene.emitted)).toEqual([]);
  });
});
