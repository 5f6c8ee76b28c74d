// AWS's own SDKs on our local core, with our client as their peer, in each of their ways to sign in. They run in processes of
// their own.
import { describe, expect, it } from 'vitest';

import type { IotClient, Message } from '../../src/index.ts';
import { type CustomAuthorizerRequest, type LocalIotCore, startLocalIotCore } from '../../src/local/index.ts';
import { type ProgramSignIn, type Sdk, SdkProgram } from './sdk-program.ts';
import { afterThisTest, IMPATIENT, Inbox, makeClient } from './support.ts';

/** A core with a custom authorizer, and a client of ours on it. */
interface Place {
  readonly core: LocalIotCore;
  readonly peer: IotClient;
  /** What the authorizer was asked. */
  readonly asked: CustomAuthorizerRequest[];
  readonly warnings: string[];
}

async function start(): Promise<Place> {
  const asked: CustomAuthorizerRequest[] = [];
  const warnings: string[] = [];
  const core = await startLocalIotCore({
    authorizer(request) {
      asked.push(request);
      return request.parameters['key'] === TOKEN && request.signature === SIGNATURE;
    },
    onWarning: ({ message }) => warnings.push(message),
  });
  afterThisTest(() => core.stop());
  const peer = makeClient({ ...core.deviceOptions('peer'), ...IMPATIENT });
  await peer.connect();
  return { core, peer, asked, warnings };
}

const TOKEN = 'open/sesame+1';
/** Anything in Base64: whether it is the signature of the token is for an authorizer to say. */
const SIGNATURE = 'ab+/cd==';

interface Way {
  readonly sdk: Sdk;
  readonly way: string;
  /** How it signs in; and with what it must be refused. Without it there is a certificate. */
  readonly signIn?: (core: LocalIotCore) => ProgramSignIn;
  readonly wrong?: (core: LocalIotCore) => ProgramSignIn;
  /** What the authorizer hears. */
  readonly hears?: Partial<CustomAuthorizerRequest>;
}

/** Temporary keys and lasting ones; with another's secret they are refused. */
function keysWays(sdk: Sdk): Way[] {
  return [true, false].map((sessionToken) => ({
    sdk,
    way: `keys ${sessionToken ? 'with' : 'without'} a session token`,
    signIn: (core) => ({ kind: 'keys', ...core.issueCredentials({ sessionToken }) }),
    wrong(core) {
      const { secretAccessKey } = core.issueCredentials({ sessionToken });
      return { kind: 'keys', ...core.issueCredentials({ sessionToken }), secretAccessKey };
    },
  }));
}

const name = 'gate';
const encoded = { token: encodeURIComponent(TOKEN), signature: encodeURIComponent(SIGNATURE) };
const query = (token: string) =>
  `?x-amz-customauthorizer-name=${name}&key=${token}&x-amz-customauthorizer-signature=${encoded.signature}`;
const headers = (token: string) => ({
  'x-amz-customauthorizer-name': name,
  key: token,
  'x-amz-customauthorizer-signature': SIGNATURE,
});
const parameters = (token: string) => ({
  ...{ username: 'lamp', password: 'secret', name, signature: SIGNATURE, tokenKeyName: 'key', token },
});

const WAYS: readonly Way[] = [
  { sdk: 'aws-iot-device-sdk', way: 'a certificate' },
  ...keysWays('aws-iot-device-sdk'),
  {
    sdk: 'aws-iot-device-sdk',
    way: 'a custom authorizer by customAuthQueryString (py:W20)',
    signIn: () => ({ kind: 'query', query: query(encoded.token) }),
    wrong: () => ({ kind: 'query', query: query('wrong') }),
    hears: { name, signature: SIGNATURE, transport: 'webSocket' },
  },
  {
    sdk: 'aws-iot-device-sdk',
    way: 'a custom authorizer by customAuthHeaders',
    signIn: () => ({ kind: 'headers', headers: headers(TOKEN) }),
    wrong: () => ({ kind: 'headers', headers: headers('wrong') }),
    hears: { name, signature: SIGNATURE, transport: 'webSocket' },
  },
  { sdk: 'aws-iot-device-sdk-v2', way: 'a certificate' },
  ...keysWays('aws-iot-device-sdk-v2'),
  ...(['authorizer', 'webSocketAuthorizer'] as const).map(
    (kind): Way => ({
      sdk: 'aws-iot-device-sdk-v2',
      way: `a custom authorizer over ${kind === 'authorizer' ? 'MQTT with ALPN' : 'a WebSocket'}`,
      signIn: () => ({ kind, ...parameters(encoded.token) }),
      wrong: () => ({ kind, ...parameters('wrong') }),
      hears: {
        ...{ name, signature: SIGNATURE, username: 'lamp', password: Buffer.from('secret') },
        transport: kind === 'authorizer' ? 'mqtt' : 'webSocket',
      },
    }),
  ),
];

describe.each(WAYS)('$sdk on the local core, with $way', ({ sdk, signIn, hears }) => {
  it('exchanges messages with our client, both ways, and comes back after its connection was dropped', async () => {
    const { core, peer, asked } = await start();
    const program = await SdkProgram.start(sdk, core, signIn?.(core));
    await program.has('connected');
    if (hears !== undefined) expect(asked).toMatchObject([{ clientId: 'sdk', ...hears }]);
    const inbox = new Inbox<Message>();
    await peer.subscribe('to/peer', { qos: 1 }, inbox.put);
    await program.do({ subscribe: 'to/sdk' });
    await program.do({ publish: 'to/peer', payload: 'from the SDK' });
    await peer.publish('to/sdk', 'from our client', { qos: 1 });
    const [message] = await inbox.count(1);
    expect([message?.text(), message?.qos]).toEqual(['from the SDK', 1]);
    await program.has('message');
    expect(core.received.map(({ clientId, qos }) => [clientId, qos])).toEqual([
      ['sdk', 1],
      ['peer', 1],
    ]);

    await core.faults.dropConnections({ clientId: 'sdk' });
    await program.has('disconnected');
    await program.has('connected', 2);
    const filters = () => core.clients.find(({ clientId }) => clientId === 'sdk')?.subscriptions ?? [];
    await core.when(() => filters().length === 1);
    await peer.publish('to/sdk', 'welcome back', { qos: 1 });
    await program.told.until((all) => all.some(({ payload }) => payload === 'welcome back'));
    // The cut may have come before its PUBACK: then it gets the first one again.
    expect([...new Set(program.messages)]).toEqual(['to/sdk=from our client', 'to/sdk=welcome back']);
  });
});

const KEPT_OUT = WAYS.filter(({ wrong }) => wrong !== undefined);
describe.each(KEPT_OUT)('$sdk on the local core, with $way', ({ sdk, wrong, hears }) => {
  it('is refused with a wrong secret', async () => {
    const { core, warnings } = await start();
    const program = await SdkProgram.start(sdk, core, wrong?.(core));
    await program.told.until((all) => all.some(({ event }) => event === 'error' || event === 'disconnected'));
    expect(program.told.all.map(({ event }) => event)).not.toContain('connected');
    expect(warnings[0]).toMatch(
      hears === undefined
        ? /403: The request signature we calculated does not match/
        : /the authorizer said no/,
    );
    expect(core.clients.map(({ clientId }) => clientId)).toEqual(['peer']);
  });
});
