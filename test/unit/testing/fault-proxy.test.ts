import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';

import { FaultProxy } from '../../../src/testing/fault-proxy.ts';
import { openBlackHole } from '../../faults/support/black-hole.ts';

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** One end of a connection: what it has received, and how it ended. */
class End {
  readonly socket: net.Socket;
  received = '';
  /** `end` for FIN, the code of the error for anything else. */
  how: string | undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => {
      this.received += bytes.toString('latin1');
    });
    socket.on('end', () => {
      this.how = 'end';
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.how = error.code ?? error.message;
    });
    cleanUps.push(async () => void socket.destroy());
  }

  send(text: string): void {
    this.socket.write(text);
  }

  async receives(text: string): Promise<void> {
    while (!this.received.includes(text)) await once(this.socket, 'data');
  }

  async ends(): Promise<string | undefined> {
    if (!this.socket.closed) await new Promise((resolve) => this.socket.on('close', resolve));
    return this.how;
  }
}

interface World {
  readonly proxy: FaultProxy;
  /** Dials the proxy; both ends, once they are connected. */
  readonly connect: () => Promise<{ client: End; broker: End }>;
  readonly dial: () => End;
  /** Every connection that the broker was given. */
  readonly atBroker: readonly End[];
}

async function start(): Promise<World> {
  const atBroker: End[] = [];
  const server = net.createServer({ noDelay: true }, (socket) => atBroker.push(new End(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(async () => void server.close());
  const proxy = await FaultProxy.start({
    to: { host: '127.0.0.1', port: (server.address() as net.AddressInfo).port },
  });
  cleanUps.push(() => proxy.stop());
  const dial = (): End => new End(net.connect({ port: proxy.port, host: '127.0.0.1', noDelay: true }));
  return {
    proxy,
    dial,
    atBroker,
    connect: async () => {
      const isHere = once(server, 'connection');
      const client = dial();
      await isHere;
      const broker = atBroker.at(-1);
      if (broker === undefined) throw new Error('nobody came');
      return { client, broker };
    },
  };
}

/** A round trip on a line of its own: by then all that could pass on another line has passed. */
async function roundTrip({ connect }: World): Promise<void> {
  const { client, broker } = await connect();
  client.send('ping');
  await broker.receives('ping');
  broker.send('pong');
  await client.receives('pong');
  client.socket.destroy();
  await broker.ends();
}

describe('the fault proxy', () => {
  it('passes bytes on in both directions, and counts its connections', async () => {
    const world = await start();
    const { client, broker } = await world.connect();
    client.send('from the client');
    broker.send('from the broker');
    await Promise.all([broker.receives('from the client'), client.receives('from the broker')]);
    expect(world.proxy.connections).toEqual({ open: 1, accepted: 1 });
    client.socket.end();
    expect(await broker.ends()).toBe('end');
    expect(await client.ends()).toBe('end');
    await roundTrip(world);
    expect(world.proxy.connections.accepted).toBe(2);
  });

  it('passes on how either end ended: FIN as FIN, RST as RST', async () => {
    const { connect } = await start();
    const first = await connect();
    first.client.send('last words');
    first.client.socket.end();
    expect(await first.broker.ends()).toBe('end');
    expect(first.broker.received).toBe('last words');
    const second = await connect();
    second.broker.socket.resetAndDestroy();
    expect(await second.client.ends()).toBe('ECONNRESET');
  });

  it('resets the client when the broker cannot be reached', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    server.close();
    await once(server, 'close');
    const proxy = await FaultProxy.start({ to: { host: '127.0.0.1', port } });
    cleanUps.push(() => proxy.stop());
    const client = new End(net.connect(proxy.port, '127.0.0.1'));
    expect(await client.ends()).toBe('ECONNRESET');
  });

  it('fault:A-4 cuts with RST at both ends, and serves the next connection', async () => {
    const world = await start();
    const { client, broker } = await world.connect();
    world.proxy.cut();
    expect(await Promise.all([client.ends(), broker.ends()])).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect(world.proxy.connections).toEqual({ open: 0, accepted: 1 });
    await roundTrip(world);
  });

  it('ends with FIN at both ends', async () => {
    const { proxy, connect } = await start();
    const { client, broker } = await connect();
    proxy.end();
    expect(await Promise.all([client.ends(), broker.ends()])).toEqual(['end', 'end']);
  });

  it('fault:A-13 freezes: nothing passes, not even an end, and all of it arrives after the thaw', async () => {
    const { proxy, connect } = await start();
    const { client, broker } = await connect();
    proxy.freeze();
    client.send('to the broker');
    broker.send('to the client');
    client.socket.end();
    // A line that is dialled now is frozen too: when its bytes are at the proxy, those of the first have long been there.
    const second = await connect();
    second.client.send('second');
    await new Promise((resolve) => second.client.socket.write('more', resolve));
    await turns();
    expect([broker.received, client.received, second.broker.received]).toEqual(['', '', '']);
    expect([client.how, broker.how]).toEqual([undefined, undefined]);
    proxy.thaw();
    await client.receives('to the client');
    expect(await broker.ends()).toBe('end');
    expect(broker.received).toBe('to the broker');
    await second.broker.receives('secondmore');
  });

  it.each([
    ['toBroker', '', 'to the client'],
    ['toClient', 'to the broker', ''],
  ] as const)(
    'fault:A-14 freezes %s alone: the other direction flows',
    async (direction, atBroker, atClient) => {
      const { proxy, connect } = await start();
      const { client, broker } = await connect();
      proxy.freeze(direction);
      client.send('to the broker');
      broker.send('to the client');
      if (direction === 'toBroker') await client.receives('to the client');
      else await broker.receives('to the broker');
      await turns();
      expect([broker.received, client.received]).toEqual([atBroker, atClient]);
    },
  );

  it('hides from the broker that a client of a frozen line is gone, until the thaw', async () => {
    const { proxy, connect } = await start();
    const { client, broker } = await connect();
    proxy.freeze();
    client.socket.resetAndDestroy();
    await client.ends();
    await turns();
    expect(broker.how).toBeUndefined();
    expect(broker.socket.closed).toBe(false);
    proxy.thaw();
    expect(await broker.ends()).toBe('ECONNRESET');
  });

  it('fault:A-15 throttles each direction', async () => {
    const { proxy, connect } = await start();
    const { client, broker } = await connect();
    proxy.throttle({ bytesPerSecond: 2_000 });
    const began = performance.now();
    client.send('x'.repeat(300));
    await broker.receives('x'.repeat(300));
    // The first slice of a twentieth of a second goes at once.
    expect(performance.now() - began).toBeGreaterThanOrEqual(95);
    proxy.throttle({ bytesPerSecond: Number.POSITIVE_INFINITY });
    client.send('y'.repeat(100_000));
    await broker.receives('y'.repeat(100_000));
  });

  it('fault:A-16 delays without holding up what comes close behind', async () => {
    const { proxy, connect } = await start();
    const { client, broker } = await connect();
    proxy.delay(60);
    const began = performance.now();
    const numbers = Array.from({ length: 20 }, (_, index) => `${index};`);
    for (const number of numbers) {
      client.send(number);
      await turns();
    }
    await broker.receives(numbers.join(''));
    const tookMs = performance.now() - began;
    expect(tookMs).toBeGreaterThanOrEqual(59);
    // One after the other they would take twenty times the delay.
    expect(tookMs).toBeLessThan(20 * 60);
  });

  it('refuses dialling on its port, keeps what is open, and listens on the same port again', async () => {
    const world = await start();
    const { client, broker } = await world.connect();
    world.proxy.refuse();
    expect(await world.dial().ends()).toBe('ECONNREFUSED');
    client.send('still here');
    await broker.receives('still here');
    await world.proxy.accept();
    await roundTrip(world);
  });

  it('fault:A-3 swallows connections: they are accepted, never answered, and never reach the broker', async () => {
    const world = await start();
    const there = await world.connect();
    world.proxy.blackHole();
    const swallowed = world.dial();
    await once(swallowed.socket, 'connect');
    swallowed.send('hello?');
    there.client.send('still here');
    await there.broker.receives('still here');
    await turns();
    expect(world.atBroker).toHaveLength(1);
    expect([swallowed.received, swallowed.how]).toEqual(['', undefined]);
    await world.proxy.accept();
    await roundTrip(world);
    world.proxy.cut();
    expect(await swallowed.ends()).toBe('ECONNRESET');
  });

  it.each(['toBroker', 'toClient'] as const)('cuts after so many bytes %s, once', async (direction) => {
    const world = await start();
    const { client, broker } = await world.connect();
    const [sender, receiver] = direction === 'toBroker' ? [client, broker] : [broker, client];
    world.proxy.cutAfterBytes(7, direction);
    sender.send('12345');
    await receiver.receives('12345');
    sender.send('6789');
    expect(await sender.ends()).toBe('ECONNRESET');
    // libuv reports bytes with a reset right behind them as bytes and an end.
    await receiver.ends();
    expect(receiver.received).toBe('1234567');
    await roundTrip(world);
  });

  it('makes the sender feel a line that is full', async () => {
    const { proxy, connect } = await start();
    const { client } = await connect();
    proxy.freeze();
    // More than the buffers of two sockets and the system's own hold.
    const bytes = Buffer.alloc(16 * 1024 * 1024);
    let isWritten = false;
    client.socket.write(bytes, () => {
      isWritten = true;
    });
    await turns();
    expect(isWritten).toBe(false);
  });

  it('frees everything when it stops, whatever it was doing, and may be stopped twice', async () => {
    const world = await start();
    const { client, broker } = await world.connect();
    world.proxy.delay(60_000);
    client.send('never');
    world.proxy.blackHole();
    const swallowed = world.dial();
    await once(swallowed.socket, 'connect');
    world.proxy.freeze();
    await world.proxy[Symbol.asyncDispose]();
    await world.proxy.stop();
    expect(await Promise.all([client.ends(), broker.ends(), swallowed.ends()])).toEqual(
      Array(3).fill('ECONNRESET'),
    );
    await world.proxy.accept();
    expect(await world.dial().ends()).toBe('ECONNREFUSED');
    expect(world.proxy.connections.open).toBe(0);
  });

  it('stops also while a broker does not answer its dial', async () => {
    await using hole = await openBlackHole();
    const proxy = await FaultProxy.start({ to: { host: '127.0.0.1', port: hole.port } });
    const client = new End(net.connect({ port: proxy.port, host: '127.0.0.1' }));
    while (proxy.connections.open === 0) await turns();
    await proxy.stop();
    await client.ends();
    expect(proxy.connections.open).toBe(0);
  });

  it.each([0, 1, 2])('cuts and stops while connections are being ended, %i turns later', async (later) => {
    const { proxy, connect } = await start();
    const { client, broker } = await connect();
    proxy.end();
    for (let turn = 0; turn < later; turn++) await new Promise<void>((resolve) => process.nextTick(resolve));
    await proxy.stop();
    await Promise.all([client.ends(), broker.ends()]);
  });

  it('says what is wrong with its arguments', async () => {
    const { proxy } = await start();
    const refused = (field: string) =>
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(field) });
    await expect(FaultProxy.start({ to: { host: '127.0.0.1', port: 0 } })).rejects.toEqual(
      refused('to.port'),
    );
    const to = { host: '127.0.0.1', port: 1883 };
    await expect(FaultProxy.start(undefined as never)).rejects.toEqual(refused('options'));
    await expect(FaultProxy.start({} as never)).rejects.toEqual(refused('to must'));
    await expect(FaultProxy.start({ to: { port: 1883 } } as never)).rejects.toEqual(refused('to.host'));
    await expect(FaultProxy.start({ to, prot: 1 } as never)).rejects.toEqual(refused('prot'));
    await expect(FaultProxy.start({ to: { ...to, hots: 'a' } } as never)).rejects.toEqual(refused('hots'));
    expect(() => proxy.throttle({ bytesPerSecond: 0 })).toThrow(refused('bytesPerSecond'));
    expect(() => proxy.delay(-1)).toThrow(refused('delayMs'));
    expect(() => proxy.cutAfterBytes(0, 'toBroker')).toThrow(refused('bytes'));
    await expect(
      FaultProxy.start({ to: { host: '127.0.0.1', port: 1 }, port: proxy.port }),
    ).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});

/** Turns of the event loop, enough for bytes on the loopback to have passed if anything let them. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}
