import { execFile } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { openBlackHole } from './support/black-hole.ts';
import { resolver } from './support/resolver.ts';
import { inWorld } from './support/world.ts';

const ATTEMPT_MS = 15_000;
const endpoint = 'broker.example';

describe('the name of the broker', () => {
  it('fault:E-2 a resolver that never answers ends with the attempt, and the next one asks again', () =>
    inWorld(async (world) => {
      const names = resolver();
      const client = world.client({ endpoint });
      const connecting = client.connect();
      await world.settled();
      expect(names.asked).toEqual([endpoint]);
      world.clock.advance(ATTEMPT_MS - 1);
      expect(client.status.state).toBe('connecting');
      world.clock.advance(1);
      expect(client.status).toMatchObject({ state: 'backingOff', reason: { code: 'ATTEMPT_TIMEOUT' } });
      names.answer('127.0.0.1');
      await world.retry(client);
      await connecting;
      expect(names.asked).toEqual([endpoint, endpoint]);
    }));

  it('fault:E-5 is resolved anew for each attempt: an address that changes is found', () =>
    inWorld(async (world) => {
      const names = resolver();
      names.answer('127.0.0.2');
      const client = world.client({ endpoint });
      const connecting = client.connect();
      for (const attempt of [1, 2, 3]) {
        expect(await client.when('backingOff')).toMatchObject({
          attempt,
          reason: { code: 'NETWORK_UNREACHABLE' },
        });
        if (attempt === 3) names.answer('127.0.0.1');
        await world.retry(client);
      }
      await connecting;
      expect(names.asked).toHaveLength(4);
    }));

  it('fault:E-3 whose first address is of IPv6 and leads nowhere is reached by the one of IPv4, in one attempt', () =>
    inWorld(async (world, broker) => {
      resolver().answer('::1', '127.0.0.1');
      const client = await world.liveClient({ endpoint });
      expect(client.status.state).toBe('live');
      expect(broker.connections).toHaveLength(1);
    }));

  it('fault:E-3 whose address of IPv6 does not even refuse is reached by the one of IPv4, in one attempt', () =>
    inWorld(async (world, broker) => {
      await using hole = await openBlackHole(broker.port, '::1');
      resolver().answer('::1', '127.0.0.1');
      const client = await world.liveClient({ endpoint, port: hole.port });
      expect(client.status.state).toBe('live');
      expect(broker.connections).toHaveLength(1);
    }));

  it('fault:E-3 whose addresses all lead nowhere fails as one attempt, with one reason', () =>
    inWorld(async (world, broker) => {
      broker.stopListening();
      resolver().answer('::1', '127.0.0.1');
      const client = world.client({ endpoint });
      void client.connect().catch(() => undefined);
      expect(await client.when('backingOff')).toMatchObject({
        attempt: 1,
        reason: { code: 'NETWORK_UNREACHABLE' },
      });
    }));
});

describe('an address of IPv6', () => {
  it.each([
    ['as it is', '::1'],
    ['behind a name', endpoint],
  ])('fault:E-4 alone is enough: %s', (_what, host) =>
    inWorld(async (world, broker) => {
      const six = net.createServer((socket) => {
        const there = net.connect(broker.port, '127.0.0.1');
        for (const each of [socket, there]) each.on('error', () => {});
        socket.on('close', () => there.destroy());
        there.on('close', () => socket.destroy());
        socket.pipe(there).pipe(socket);
      });
      six.listen(0, '::1');
      await once(six, 'listening');
      resolver().answer('::1');
      const { port } = six.address() as net.AddressInfo;
      try {
        const client = await world.liveClient({ endpoint: host, port });
        await client.publish('a', 'b', { qos: 1 });
        expect(broker.messages).toHaveLength(1);
      } finally {
        six.close();
      }
    }),
  );
});

/** Uses up all descriptors, dials, and prints what comes of it. */
const EXHAUSTED = `
  const fs = require('node:fs');
  const held = [];
  try {
    for (;;) held.push(fs.openSync('/dev/null'));
  } catch {}
  const socket = require('node:net').connect(1, '127.0.0.1');
  socket.on('error', ({ code, syscall }) => {
    for (const one of held) fs.closeSync(one);
    console.log(code, syscall);
  });
`;

describe('a process without a file descriptor left', () => {
  it('fault:E-9 is told so by an error of the socket', async () => {
    const limited = 'ulimit -n 64 && exec "$0" -e "$1"';
    const ended = await promisify(execFile)('sh', ['-c', limited, process.execPath, EXHAUSTED]);
    expect(ended.stdout).toBe('EMFILE connect\n');
  });

  it('fault:E-9 has a client that says so, and tries again until there is one', () =>
    inWorld(async (world) => {
      const exhausted = vi.spyOn(net, 'connect').mockImplementation(() => {
        const error = Object.assign(new Error('connect EMFILE'), { code: 'EMFILE', syscall: 'connect' });
        return new net.Socket().destroy(error);
      });
      const client = world.client();
      const connecting = client.connect();
      for (const attempt of [1, 2, 3]) {
        const status = await client.when('backingOff');
        expect(status).toMatchObject({ attempt, reason: { code: 'NETWORK_UNREACHABLE' } });
        expect(status.state === 'backingOff' && status.reason?.remediation).toMatch(/limit of open files/);
        if (attempt === 3) exhausted.mockRestore();
        await world.retry(client);
      }
      await connecting;
      await client.when('live');
    }));
});
