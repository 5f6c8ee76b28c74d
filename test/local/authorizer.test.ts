import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createIotClient } from '../../src/index.ts';
import {
  type CustomAuthorizer,
  type CustomAuthorizerRequest,
  type LocalIotCore,
  type LocalIotCoreWarning,
  NO_RATE_LIMITS,
  startLocalIotCore,
} from '../../src/local/index.ts';
import { connected, startCore } from './support.ts';
import { upgrade } from './upgrade.ts';

let core: LocalIotCore;
let authorizer: CustomAuthorizer;
const asked: CustomAuthorizerRequest[] = [];
const warnings: LocalIotCoreWarning[] = [];
const clients: MqttClient[] = [];

beforeAll(async () => {
  core = await startLocalIotCore({
    limits: NO_RATE_LIMITS,
    authorizer: (request) => {
      asked.push(request);
      return authorizer(request);
    },
    onWarning: (warning) => warnings.push(warning),
  });
});
afterAll(() => core.stop());

beforeEach(() => {
  authorizer = () => true;
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await core.when(() => core.connections.length === 0);
  asked.length = 0;
  warnings.length = 0;
});

/** A client without a certificate and without a signature, once it is connected. */
function dial(
  transport: 'mqtt' | 'webSocket',
  options: IClientOptions = {},
  query = '',
): Promise<MqttClient> {
  const { ca, webSocketPort: port } = core;
  const way: IClientOptions =
    transport === 'mqtt'
      ? { protocol: 'mqtts', ALPNProtocols: ['mqtt'] }
      : { protocol: 'wss', path: `/mqtt${query}` };
  const client = mqtt.connect({ ...way, host: 'localhost', port, ca, clientId: 'lamp', ...ONCE, ...options });
  client.on('error', () => {});
  clients.push(client);
  return connected(client);
}

/** Lets the next question wait for its answer. */
function askedLater(): { isAsked: Promise<void>; answer: (isLetIn: boolean) => void } {
  let answer = (_isLetIn: boolean): void => {};
  const answered = new Promise<boolean>((resolve) => {
    answer = resolve;
  });
  const isAsked = new Promise<void>((resolve) => {
    authorizer = () => {
      resolve();
      return answered;
    };
  });
  return { isAsked, answer: (isLetIn) => answer(isLetIn) };
}

const ONCE: IClientOptions = { reconnectPeriod: 0, protocolVersion: 4 };
const TRANSPORTS = ['mqtt', 'webSocket'] as const;

describe.each(TRANSPORTS)('the custom authorizer of the local core, over %s', (transport) => {
  it('is asked with what the user name of CONNECT says', async () => {
    const username =
      'anna?x-amz-customauthorizer-name=Door%20man&TokenKey=a%2Bb+c&x-amz-customauthorizer-signature=c2ln%3D&SDK=x';
    await dial(transport, { username, password: 'pass' });
    expect(asked).toEqual([
      {
        name: 'Door man',
        clientId: 'lamp',
        username: 'anna',
        password: Buffer.from('pass'),
        parameters: expect.objectContaining({ TokenKey: 'a+b+c', SDK: 'x' }),
        signature: 'c2ln=',
        transport,
      },
    ]);
    expect(core.clients).toMatchObject([{ clientId: 'lamp' }]);
    expect(warnings).toEqual([]);
  });

  it('is asked by name of nobody when the client names none', async () => {
    await dial(transport);
    expect(asked).toEqual([
      {
        name: undefined,
        clientId: 'lamp',
        username: undefined,
        password: undefined,
        parameters: {},
        signature: undefined,
        transport,
      },
    ]);
  });

  it('is asked by our own client', async () => {
    const options = {
      name: 'doorman',
      token: 't&=/',
      tokenKeyName: 'key',
      signature: 'c2ln',
      username: 'anna',
    };
    const client = createIotClient(
      core.authorizerOptions('lamp', { ...options, webSocket: transport === 'webSocket' }),
    );
    await client.connect();
    expect(asked).toMatchObject([
      {
        name: 'doorman',
        username: 'anna',
        parameters: { key: 't&=/' },
        signature: 'c2ln',
        transport,
      },
    ]);
    await client.close();
  });

  it.each<[string, CustomAuthorizer, string]>([
    ['says no', () => false, 'the authorizer said no'],
    ['rejects', () => Promise.reject(new TypeError('canary')), 'the authorizer threw "TypeError"'],
    [
      'throws what is no error',
      () => {
        throw 'canary' as unknown as Error;
      },
      'the authorizer threw "string"',
    ],
    ['gives no answer that is one', () => 'yes' as unknown as boolean, 'the authorizer said no'],
  ])('fault:D-13 refuses with return code 5 when it %s', async (_name, answer, why) => {
    authorizer = answer;
    await expect(dial(transport, { username: 'anna?key=canary', password: 'canary' })).rejects.toMatchObject({
      code: 5,
    });
    expect(warnings).toMatchObject([{ code: 'REFUSED', clientId: 'lamp' }]);
    expect(warnings[0]?.message).toBe(`client "lamp" was refused: ${why}`);
    expect(core.clients).toEqual([]);
  });

  it('fault:D-13 may take its time, and takes no place before it has answered', async () => {
    await dial(transport);
    const [first] = core.clients;
    const { isAsked, answer } = askedLater();
    const second = dial(transport);
    await isAsked;
    expect(core.clients).toMatchObject([{ connection: first?.connection }]);
    answer(true);
    await second;
    expect(core.clients).toHaveLength(1);
    expect(core.clients[0]?.connection).not.toBe(first?.connection);
  });

  it('fault:D-13 takes no place for a client that has left meanwhile', async () => {
    await dial(transport);
    const [first] = core.clients;
    const { isAsked, answer } = askedLater();
    dial(transport).catch(() => {});
    await isAsked;
    clients[1]?.stream.destroy();
    await core.when(() => core.connections.length === 1);
    answer(true);
    await clients[0]?.publishAsync('a', 'b', { qos: 1 });
    expect(core.clients.map(({ connection }) => connection)).toEqual([first?.connection]);
  });
});

describe('the custom authorizer of the local core', () => {
  it('is asked with what an upgrade says in its query and its headers; CONNECT counts more', async () => {
    const query = '?x-amz-customauthorizer-name=by-query&Key=1&Other=2';
    const headers = { 'x-amz-customauthorizer-signature': 'c2ln', 'X-Token': 'abc', 'User-Agent': 'x' };
    await dial('webSocket', { username: '?Other=3', wsOptions: { headers } }, query);
    expect(asked).toMatchObject([{ name: 'by-query', signature: 'c2ln', username: '' }]);
    expect(asked[0]?.parameters).toEqual({ Key: '1', Other: '3', 'x-token': 'abc' });
  });

  it('takes any name for a parameter', async () => {
    await dial('mqtt', { username: '?__proto__=1&constructor=2' });
    const { parameters } = asked[0] ?? {};
    expect(Object.entries(parameters ?? {})).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
  });

  it('is not asked about clients with a certificate or a signature', async () => {
    authorizer = () => false;
    for (const options of [core.deviceOptions('a'), core.webSocketOptions('b')]) {
      const client = createIotClient(options);
      await client.connect();
      await client.close();
    }
    expect(asked).toEqual([]);
  });

  it('is needed: without one, nobody comes in unsigned', async () => {
    const bare = await startCore();
    expect(await upgrade(bare, '/mqtt?x-amz-customauthorizer-name=a')).toMatchObject({ status: 403 });
    const client = createIotClient(bare.authorizerOptions('lamp', { token: 'canary', tokenKeyName: 'key' }));
    await expect(client.connect()).rejects.toMatchObject({ code: 'NOT_AUTHORIZED', reasonCode: 5 });
    await client.close();
    expect(bare.warnings).toMatchObject([
      { message: expect.stringContaining('given no `authorizer`') },
      { clientId: 'lamp', message: expect.stringContaining('given no `authorizer`') },
    ]);
    expect(JSON.stringify(bare.warnings)).not.toContain('canary');
  });

  it('fault:D-13 keeps nobody from stopping the core when it never answers', async () => {
    const slow = await startCore({ authorizer: () => new Promise(() => {}) });
    const client = createIotClient(slow.authorizerOptions('lamp', { token: 'a', tokenKeyName: 'key' }));
    const connecting = client.connect();
    connecting.catch(() => {});
    await slow.tap.waitFor({ packet: 'connect' });
    await slow.stop();
    expect(slow.connections).toEqual([]);
    await client.close();
    await expect(connecting).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
