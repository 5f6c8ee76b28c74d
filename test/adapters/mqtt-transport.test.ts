import { expect, test } from 'vitest';
import { connack, ScriptedPeer } from '../support/scripted-peer.ts';
import { openTestLine } from './test-line.ts';

test('connects, publishes, subscribes and closes', async () => {
  await using peer = await ScriptedPeer.start();
  using line = openTestLine({ port: peer.port });
  const there = await peer.connection();
  const connect = await there.next('connect');
  expect(connect).toMatchObject({ clientId: 'kitchen-lamp', keepalive: 30, clean: true, protocolVersion: 4 });
  there.send(connack());
  const { session } = await line.until('transport.connected');
  expect(session).toEqual({ sessionPresent: false, receiveMaximum: 65_535 });

  const acknowledged = new Promise<void>((resolve, reject) =>
    line.live.publish({ topic: 'a/b', payload: 'one', qos: 1, retain: false }, (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  const publish = await there.next('publish');
  expect(publish).toMatchObject({ topic: 'a/b', qos: 1, dup: false, payload: Buffer.from('one') });
  there.send({ cmd: 'puback', messageId: publish.messageId as number });
  await acknowledged;

  const answers = line.live.subscribe([{ filter: 'a/#', qos: 1 }]);
  const subscribe = await there.next('subscribe');
  there.send({ cmd: 'suback', messageId: subscribe.messageId as number, granted: [1] });
  expect(await answers).toEqual([{ filter: 'a/#', grantedQos: 1 }]);

  line.disconnect();
  await there.next('disconnect');
  await there.closed;
  expect(await line.error('transport.closed')).toMatchObject({ code: 'DISCONNECTED' });
  expect(line.story).toEqual([
    'transport.signedIn',
    'attach',
    'transport.connected',
    'detach',
    'transport.closed',
  ]);
});
