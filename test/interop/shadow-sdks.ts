// The SDKs of AWS as clients of a shadow, and what each of them cannot do.
import {
  type LocalIotCore,
  type LocalIotCoreLimits,
  type LocalShadowAddress,
  startLocalIotCore,
} from '../../src/local/index.ts';
import { SdkProgram } from './sdk-program.ts';
import { bare, type Peer } from './shadow-peers.ts';
import type { Outcome, Request } from './shadow-script.ts';
import { afterThisTest, Inbox } from './support.ts';

/** The SDKs of AWS ask as fast as they can, and take a 429 for the answer. All other limits of AWS hold. */
const NO_SHADOW_RATE = { shadowRequestsPerSecond: Infinity, publishesPerSecond: Infinity };

export async function startCore(limits: Partial<LocalIotCoreLimits> = NO_SHADOW_RATE): Promise<LocalIotCore> {
  const core = await startLocalIotCore({ limits });
  afterThisTest(() => core.stop());
  return core;
}

export const CLASSIC = { thingName: 'lamp', shadowName: undefined };
export const NAMED = { thingName: 'lamp', shadowName: 'config' };

export interface SdkPeer extends Peer {
  readonly program: SdkProgram;
}

/** How one of AWS's SDKs has a shadow. */
export interface SdkShadow {
  readonly program: 'shadows-v1' | 'shadows-v2';
  /** What its program needs to know. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export async function sdkPeer(
  core: LocalIotCore,
  address: LocalShadowAddress,
  { program: name, settings }: SdkShadow,
): Promise<SdkPeer> {
  const program = await SdkProgram.start(name, core, undefined, settings);
  const deltas = new Inbox();
  const documents = new Inbox();
  program.onTold(({ event, body }) => {
    if (event === 'delta') deltas.put(body);
    if (event === 'documents') documents.put(body);
  });
  await program.has('connected');
  await program.call('open', address);
  const ask = async (request: Request): Promise<Outcome> =>
    bareOutcome(request, (await program.call('ask', { ...address, ...request })) as SdkOutcome);
  return { program, deltas, documents: name === 'shadows-v1' ? undefined : documents, ask };
}

type SdkOutcome =
  | { readonly accepted: object }
  | { readonly rejected: { readonly code: number; readonly message: string } }
  | { readonly failed: string };

function bareOutcome({ operation }: Request, outcome: SdkOutcome): Outcome {
  if ('accepted' in outcome) return { accepted: bare(outcome.accepted) };
  if ('failed' in outcome) return outcome;
  const { code, message } = outcome.rejected;
  if (operation === 'get' && code === 404 && message.startsWith('No shadow exists with name: '))
    return { nothing: true };
  return { rejected: { code, message } };
}

/** A client of AWS, and the steps that it cannot do, each with the reason. */
export interface SdkCase extends SdkShadow {
  readonly sdk: string;
  readonly cannot: Readonly<Record<string, string>>;
}

const NO_VERSION = 'its update() takes no version';
const OLD_VERSION = 'it goes on sending the version of before the delete';
const FALSY = 'it leaves out what is falsy';
const NULL_STATE = 'its check of the state fails over null';

export const FIRST_SDK: readonly SdkCase[] = [true, false].flatMap((persistentSubscribe) =>
  [true, false].map((enableVersioning) => ({
    sdk:
      `aws-iot-device-sdk, persistentSubscribe ${persistentSubscribe ? 'on' : 'off'}, ` +
      `enableVersioning ${enableVersioning ? 'on' : 'off'}`,
    program: 'shadows-v1' as const,
    settings: { persistentSubscribe, enableVersioning },
    cannot: {
      'the first update with a version other than 1': NO_VERSION,
      'the version that it has': NO_VERSION,
      'a version that it no longer has': NO_VERSION,
      'version 0': NO_VERSION,
      ...(enableVersioning && { 'made anew, it counts on: the delete has a number too': OLD_VERSION }),
    },
  })),
);

export const SECOND_SDK: readonly SdkCase[] = [
  {
    sdk: 'aws-iot-device-sdk-v2, IotShadowClient',
    program: 'shadows-v2',
    settings: { client: 'IotShadowClient' },
    cannot: {},
  },
  {
    sdk: 'aws-iot-device-sdk-v2, IotShadowClientv2',
    program: 'shadows-v2',
    settings: { client: 'IotShadowClientv2' },
    cannot: { 'version 0': FALSY, 'null removes everything, and the shadow stays': NULL_STATE },
  },
];
