import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import type { MqttClient } from 'mqtt';
import { describe, expect, it } from 'vitest';

import type { AuthorizeRequest, LocalIotCore } from '../../src/local/index.ts';
import { closed, connectDevice, connectPlain, dial, failure, messages, startCore } from './support.ts';

const will = (topic: string, payload: string) =>
  ({ topic, payload: Buffer.from(payload), qos: 1, retain: false }) as const;

describe('mutual TLS', () => {
  it('gives each device one certificate of this core', async () => {
    const core = await startCore();
    const [lamp, again, button] = await Promise.all(
      ['lamp', 'lamp', 'button'].map((id) => core.deviceCredentials(id)),
    );
    expect(lamp).toEqual(again);
    expect(lamp?.cert).not.toBe(button?.cert);
    const certificate = new X509Certificate(lamp?.cert ?? '');
    expect(certificate.verify(new X509Certificate(core.ca).publicKey)).toBe(true);
    expect(lamp).toMatchObject({ endpoint: 'localhost', port: core.port, clientId: 'lamp', ca: core.ca });
  });

  it('is for localhost, 127.0.0.1 and ::1, from TLS 1.2 on, with the ALPN name of AWS', async () => {
    const core = await startCore();
    const { ca, cert, key } = await core.deviceCredentials('lamp');
    for (const host of ['localhost', '127.0.0.1']) {
      const agreed = await handshake({
        host,
        port: core.port,
        ca,
        cert,
        key,
        ALPNProtocols: ['x-amzn-mqtt-ca'],
      });
      expect(agreed).toEqual({ alpn: 'x-amzn-mqtt-ca', version: 'TLSv1.3' });
    }
    const old = { host: 'localhost', port: core.port, ca, cert, key, ciphers: 'DEFAULT@SECLEVEL=0' };
    expect(await handshake({ ...old, maxVersion: 'TLSv1.2' })).toEqual({ alpn: false, version: 'TLSv1.2' });
    await expect(handshake({ ...old, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
    await expect(handshake({ ...old, ALPNProtocols: ['mqtt'] })).rejects.toThrow();
  });

  it('refuses a client without a certificate, and one of another core', async () => {
    const core = await startCore();
    const other = await startCore();
    const { cert, key } = await other.deviceCredentials('lamp');
    for (const credentials of [{}, { cert, key }]) {
      const socket = tls.connect({ host: 'localhost', port: core.port, ca: core.ca, ...credentials });
      await new Promise<void>((resolve) => {
        socket.on('error', () => {}).on('close', () => resolve());
        socket.resume();
      });
    }
    expect(core.tap.log).toEqual([]);
  });
});

describe('what AWS IoT Core refuses', () => {
  const levels = (count: number): string => new Array(count).fill('a').join('/');
  const subscribe = (filters: string[]) => (client: MqttClient) => void client.subscribe(filters);
  const publish =
    (topic: string, payload = '') =>
    (client: MqttClient) =>
      void client.publish(topic, payload);

  it.each([
    ['a SUBSCRIBE of 9 filters (fault:C-4)', subscribe(Array.from('abcdefghi')), /9 filters/],
    ['a filter of 8 slashes (fault:C-5)', subscribe([levels(9)]), /slashes/],
    ['a topic of 8 slashes (fault:C-5)', publish(levels(9)), /slashes/],
    ['a topic of 257 bytes (fault:C-5)', publish(`${'ä'.repeat(128)}a`), /256 bytes/],
    ['a payload of more than 128 KiB', publish('a', 'x'.repeat(131_073)), /131073 bytes/],
    ['a payload of far more than 128 KiB', publish('a', 'x'.repeat(1_000_000)), /too large/],
    ['a $aws topic that does not exist', publish('$aws/nonsense'), /reserved/],
    ['a filter for a $aws topic that does not exist', subscribe(['$aws/nonsense/#']), /reserved/],
    ['a publish of a lifecycle event', publish('$aws/events/presence/connected/lamp'), /reserved/],
    ['another $ topic', subscribe(['$SYS/#']), /reserved/],
    ['8 slashes behind a share and a rule', subscribe([`$share/g/$aws/rules/r/${levels(9)}`]), /slashes/],
  ])('closes the connection on %s', async (_what, act, warning) => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const over = closed(lamp);
    act(lamp);
    await over;
    expect(core.warnings).toMatchObject([{ code: 'REFUSED', clientId: 'lamp' }]);
    expect(core.warnings[0]?.message).toMatch(warning);
    expect(core.received).toEqual([]);
  });

  it('closes the connection on bytes that are no MQTT', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const over = closed(lamp);
    lamp.stream.write(Buffer.from([0x00, 0x00]));
    await over;
    expect(core.clients).toEqual([]);
  });

  it.each([
    ['8 filters in a SUBSCRIBE', (lamp: MqttClient) => lamp.subscribeAsync(Array.from('abcdefgh'))],
    ['7 slashes', (lamp: MqttClient) => lamp.publishAsync(levels(8), '', { qos: 1 })],
    ['256 bytes of topic', (lamp: MqttClient) => lamp.publishAsync('a'.repeat(256), '', { qos: 1 })],
    ['128 KiB of payload', (lamp: MqttClient) => lamp.publishAsync('a', 'x'.repeat(131_072), { qos: 1 })],
    [
      'shadow topics',
      (lamp: MqttClient) => lamp.subscribeAsync('$aws/things/lamp/shadow/name/x/update/accepted'),
    ],
    [
      'a basic ingest topic, whose rule does not count',
      (lamp: MqttClient) => lamp.publishAsync(`$aws/rules/my_rule/${levels(8)}`, '', { qos: 1 }),
    ],
  ])('allows %s', async (_what, act) => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    await act(lamp);
    expect(core.warnings).toEqual([]);
    expect(lamp.connected).toBe(true);
  });

  it('counts neither the share group nor the rule of a filter', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const filter = `$share/g/$aws/rules/${'r'.repeat(100)}/${'a'.repeat(200)}`;
    await expect(lamp.subscribeAsync(filter)).rejects.toThrow();
    // Not for its length: there are no shared subscriptions here.
    expect(core.warnings).toMatchObject([{ code: 'UNSUPPORTED' }]);
    expect(lamp.connected).toBe(true);
  });

  it('fault:C-4 refuses the subscription after the 50th and closes the connection', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const names = Array.from({ length: 50 }, (_, index) => `a/${index}`);
    for (let from = 0; from < 50; from += 8) await lamp.subscribeAsync(names.slice(from, from + 8));
    await lamp.unsubscribeAsync('a/0');
    await lamp.subscribeAsync(['a/0', 'a/1']);
    const over = closed(lamp);
    await expect(lamp.subscribeAsync(['a/51'])).rejects.toThrow();
    await over;
    expect(core.tap.packets({ packet: 'suback' }).at(-1)).toMatchObject({ codes: [0x80] });
  });

  it('counts the subscriptions of a resumed session', async () => {
    const core = await startCore({ limits: { subscriptionsPerConnection: 2 } });
    const first = await connectPlain(core, 'lamp', { clean: false });
    await first.subscribeAsync(['a', 'b']);
    await first.endAsync();
    const second = await connectPlain(core, 'lamp', { clean: false, resubscribe: false });
    const over = closed(second);
    await expect(second.subscribeAsync('c')).rejects.toThrow();
    await over;
  });

  it('lets tests change the limits', async () => {
    const core = await startCore({
      limits: { subscriptionsPerConnection: Infinity, filtersPerSubscribe: 100 },
    });
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync(Array.from({ length: 100 }, (_, index) => `a/${index}`));
    expect(core.clients[0]?.subscriptions).toHaveLength(100);
  });

  it('never answers QoS 2, and says why', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    lamp.subscribe('a', { qos: 2 });
    lamp.publish('a', 'x', { qos: 2 });
    await lamp.publishAsync('b', 'y', { qos: 1 });
    expect(core.received.map(({ topic }) => topic)).toEqual(['b']);
    expect(core.tap.packets({ direction: 'toClient' }).map(({ packet }) => packet)).toEqual([
      'connack',
      'puback',
    ]);
    expect(core.warnings.map(({ message }) => message.includes('QoS 2'))).toEqual([true, true]);
  });

  it('refuses client ids that are too long or begin with $', async () => {
    const core = await startCore();
    for (const clientId of ['x'.repeat(129), '$lamp']) {
      expect(await failure(dial(core, clientId))).toMatchObject({ code: 2 });
    }
    await connectPlain(core, 'x'.repeat(128));
  });

  it('asks authorize and denies as AWS does', async () => {
    const asked: AuthorizeRequest[] = [];
    const core = await startCore({
      authorize: (request) => {
        asked.push(request);
        return request.clientId !== 'stranger' && !request.topic?.startsWith('secret');
      },
    });
    expect(await failure(dial(core, 'stranger'))).toMatchObject({ code: 5 });
    const lamp = await connectPlain(core, 'lamp', { clean: false });
    const granted = await lamp.subscribeAsync(['open', 'secret/#']).catch(() => undefined);
    expect(granted ?? core.tap.packets({ packet: 'suback' })).toMatchObject([{ codes: [0, 0x80] }]);
    expect(core.clients[0]?.subscriptions).toEqual([{ filter: 'open', qos: 0 }]);
    const over = closed(lamp);
    lamp.publish('secret/plan', 'x', { qos: 1 });
    await over;
    expect(core.warnings).toMatchObject([
      { code: 'REFUSED', clientId: 'stranger', message: expect.stringContaining('may not connect') },
      { code: 'REFUSED', clientId: 'lamp', message: expect.stringContaining('subscribe "secret/#"') },
      { code: 'REFUSED', clientId: 'lamp', message: expect.stringContaining('publish "secret/plan"') },
    ]);
    expect(core.received).toEqual([]);
    expect(core.tap.packets({ packet: 'puback' })).toEqual([]);
    expect(asked).toEqual([
      { clientId: 'stranger', action: 'connect', topic: undefined },
      { clientId: 'lamp', action: 'connect', topic: undefined },
      { clientId: 'lamp', action: 'subscribe', topic: 'open' },
      { clientId: 'lamp', action: 'subscribe', topic: 'secret/#' },
      { clientId: 'lamp', action: 'publish', topic: 'secret/plan' },
    ]);
  });
});

describe('sessions', () => {
  it('keeps QoS 1 messages for a persistent session', async () => {
    const core = await startCore();
    const first = await connectPlain(core, 'lamp', { clean: false });
    await first.subscribeAsync('news', { qos: 1 });
    await first.endAsync();
    await core.when(() => core.clients.length === 0);
    for (const news of ['1', '2', '3']) await core.publish('news', news, { qos: 1 });
    const second = dial(core, 'lamp', { clean: false, resubscribe: false });
    expect(await messages(second, 3)).toEqual(['news=1', 'news=2', 'news=3']);
  });

  it('keeps nothing for a filter that was denied', async () => {
    const core = await startCore({ authorize: ({ topic }) => topic !== 'secret' });
    const first = await connectPlain(core, 'lamp', { clean: false });
    await first.subscribeAsync(['open', 'secret'], { qos: 1 }).catch(() => {});
    await first.endAsync();
    await core.when(() => core.clients.length === 0);
    await core.publish('secret', 'x', { qos: 1 });
    await core.publish('open', 'y', { qos: 1 });
    expect(await messages(dial(core, 'lamp', { clean: false }), 1)).toEqual(['open=y']);
  });

  it('sends retained messages for filters without a wildcard, and retains none on $aws topics', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    await lamp.publishAsync('weather', 'sunny', { qos: 1, retain: true });
    await lamp.publishAsync('$aws/things/lamp/shadow/get', 'x', { qos: 1, retain: true });
    for (const filter of ['#', '+', '$aws/things/lamp/shadow/get']) await lamp.subscribeAsync(filter);
    const arrived = messages(lamp, 1);
    await lamp.subscribeAsync('weather');
    expect(await arrived).toEqual(['weather=sunny']);
    expect(core.tap.packets({ direction: 'toClient', packet: 'publish' })).toHaveLength(1);
  });

  it('publishes the Will of a client that vanishes, and not of one that says good-bye', async () => {
    const core = await startCore();
    const polite = await connectPlain(core, 'polite', { will: will('wills', 'polite') });
    await polite.endAsync();
    await connectPlain(core, 'dropped', { will: will('wills', 'dropped') });
    await core.faults.dropConnections();
    const gone = await connectPlain(core, 'gone', { will: will('wills', 'gone') });
    gone.stream.destroy();
    await core.when(() => core.received.length === 2);
    expect(core.received.map(({ payload }) => payload.toString())).toEqual(['dropped', 'gone']);
  });

  it('cuts a client that is silent for one and a half times its keep-alive', async () => {
    const core = await startCore({ limits: { minKeepAliveSeconds: 1 } });
    const { events, until } = await presence(core);
    const lamp = await connectPlain(core, 'lamp', { keepalive: 0 });
    await lamp.endAsync();
    const silent = core.tap.hold({ packet: 'pingreq' });
    await closed(dial(core, 'silent', { keepalive: 1 }));
    await until(() => events.length === 4);
    expect(events.at(-1)).toMatchObject({ clientId: 'silent', disconnectReason: 'MQTT_KEEP_ALIVE_TIMEOUT' });
    silent.release();
  });
});

describe('lifecycle events', () => {
  it('tells of clients that come and go, with the keys of AWS in their order', async () => {
    const core = await startCore();
    const { events, until } = await presence(core);
    const lamp = await connectDevice(core, 'lamp');
    await lamp.subscribeAsync(['a', 'b']);
    await lamp.unsubscribeAsync('a');
    await lamp.endAsync();
    await until(() => events.length === 4);

    const [connectedEvent, subscribed, unsubscribed, disconnected] = events;
    expect(Object.keys(connectedEvent ?? {})).toEqual(
      'clientId timestamp eventType sessionIdentifier principalIdentifier ipAddress versionNumber'.split(' '),
    );
    expect(Object.keys(disconnected ?? {})).toEqual(
      'clientId timestamp eventType sessionIdentifier principalIdentifier clientInitiatedDisconnect disconnectReason versionNumber'.split(
        ' ',
      ),
    );
    const { cert } = await core.deviceCredentials('lamp');
    const principalIdentifier = new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase();
    const { sessionIdentifier } = connectedEvent as { sessionIdentifier: string };
    expect(sessionIdentifier).toMatch(/^[0-9a-f]{32}$/);
    const same = { clientId: 'lamp', sessionIdentifier, principalIdentifier };
    expect(connectedEvent).toMatchObject({ ...same, eventType: 'connected', versionNumber: 0 });
    expect(connectedEvent?.['ipAddress']).toMatch(/^(127\.0\.0\.1|::1)$/);
    expect(subscribed).toMatchObject({ ...same, eventType: 'subscribed', topics: ['a', 'b'] });
    expect(unsubscribed).toMatchObject({ ...same, eventType: 'unsubscribed', topics: ['a'] });
    expect(disconnected).toMatchObject({
      ...same,
      eventType: 'disconnected',
      clientInitiatedDisconnect: true,
      disconnectReason: 'CLIENT_INITIATED_DISCONNECT',
      versionNumber: 0,
    });
    expect(Math.abs(Date.now() - Number(connectedEvent?.['timestamp']))).toBeLessThan(60_000);
  });

  it.each([
    ['CONNECTION_LOST', (core: LocalIotCore) => core.faults.dropConnections({ clientId: 'lamp' })],
    ['CONNECTION_LOST', (_core: LocalIotCore, lamp: MqttClient) => void lamp.stream.destroy()],
    ['DUPLICATE_CLIENTID', (core: LocalIotCore) => connectPlain(core, 'lamp')],
    ['CLIENT_ERROR', (_core: LocalIotCore, lamp: MqttClient) => void lamp.publish('$aws/no', '')],
    ['FORBIDDEN_ACCESS', (_core: LocalIotCore, lamp: MqttClient) => void lamp.publish('secret', '')],
  ])('names the reason %s', async (disconnectReason, act) => {
    const core = await startCore({ authorize: ({ topic }) => topic !== 'secret' });
    const { events, until } = await presence(core);
    const lamp = await connectPlain(core, 'lamp');
    const over = closed(lamp);
    await act(core, lamp);
    await over;
    await until(() => events.some(({ eventType }) => eventType === 'disconnected'));
    expect(events.find(({ eventType }) => eventType === 'disconnected')).toMatchObject({
      clientInitiatedDisconnect: false,
      disconnectReason,
      versionNumber: 0,
    });
  });

  it('drops the older connection of a client id and counts its sessions', async () => {
    const core = await startCore();
    const { events, until } = await presence(core);
    const older = await connectPlain(core, 'lamp');
    const over = closed(older);
    const newer = await connectPlain(core, 'lamp');
    await over;
    await until(() => events.length === 3);
    expect(events.map(({ eventType, versionNumber }) => [eventType, versionNumber])).toEqual([
      ['connected', 0],
      ['disconnected', 0],
      ['connected', 1],
    ]);
    expect(newer.connected).toBe(true);
    expect(core.clients.filter(({ clientId }) => clientId === 'lamp')).toMatchObject([{ connection: 3 }]);
  });
});

interface Agreed {
  alpn: string | false | null;
  version: string | null;
}

function handshake(options: tls.ConnectionOptions): Promise<Agreed> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect(options, () => {
      const agreed = { alpn: socket.alpnProtocol, version: socket.getProtocol() };
      socket.once('close', () => resolve(agreed)).destroy();
    });
    socket.once('error', reject);
  });
}

interface Watched {
  events: Record<string, unknown>[];
  readonly until: (isTrue: () => boolean) => Promise<void>;
}

/** The lifecycle events of all clients but the one that watches. */
async function presence(core: LocalIotCore): Promise<Watched> {
  const events: Record<string, unknown>[] = [];
  const watcher = await connectPlain(core, 'watcher');
  const heard = new Set<() => void>();
  watcher.on('message', (_topic, payload) => {
    const event = JSON.parse(payload.toString());
    if (event.clientId !== 'watcher') events.push(event);
    for (const look of heard) look();
  });
  await watcher.subscribeAsync('$aws/events/#', { qos: 1 });
  const until = (isTrue: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = () => isTrue() && resolve();
      heard.add(look);
      look();
    });
  return { events, until };
}
