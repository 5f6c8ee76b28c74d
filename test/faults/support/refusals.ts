import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IotErrorCode, mutualTls } from '../../../src/index.ts';
import { type Answer, answer, type BrokerMatch, type ScriptedBroker } from '../../../src/testing/index.ts';
import { type LeafOptions, makeAuthority, makeLeaf, type Pair } from '../../support/certificates.ts';
import { openBlackHole } from './black-hole.ts';
import { resolver } from './resolver.ts';
import { TlsFront } from './tls-front.ts';
import type { ClientOptions, World } from './world.ts';

interface Scene {
  readonly world: World;
  readonly broker: ScriptedBroker;
}

/** Something that keeps the line from coming up, until it is mended. */
export interface Outage extends AsyncDisposable {
  /** Of the client, beside the defaults. */
  readonly options?: ClientOptions;
  /** Where nobody answers: resolves when the attempt of this number, from 1, waits for that. */
  readonly dialed?: (attempt: number) => Promise<void>;
  mend(): Promise<void> | void;
}

export interface Refusal {
  readonly name: string;
  /** What the status tells; of several, each at some time. */
  readonly codes: readonly IotErrorCode[];
  readonly law: 'retry' | 'reauthenticate' | 'slow';
  /** A line comes up each time, and ends. */
  readonly isUp?: boolean;
  readonly begin: (scene: Scene) => Outage | Promise<Outage>;
}

export interface FatalRefusal {
  readonly name: string;
  readonly code: IotErrorCode;
  /** Whether it can be mended without another client. Default true. */
  readonly isMendable?: boolean;
  readonly begin: Refusal['begin'];
}

const nothingElse = async (): Promise<void> => {};

/** A rule of the broker, for as long as it stands. */
const scripted =
  (match: BrokerMatch, answers: readonly Answer[], options: ClientOptions = {}) =>
  ({ broker }: Scene): Outage => {
    const rule = broker.on(match, ...answers);
    return { options, mend: () => rule.remove(), [Symbol.asyncDispose]: nothingElse };
  };

const refusing = (code: number, options: ClientOptions = {}) =>
  scripted({ packet: 'connect' }, [answer.connack({ code })], options);

const MQTT_5 = { protocolVersion: 5 } as const;

/** CONNACK with a code, in the version that has it. */
const connack = (
  protocolVersion: 4 | 5,
  code: number,
  error: IotErrorCode,
  law: Refusal['law'] = 'slow',
): Refusal => ({
  name: `fault:A-${protocolVersion === 4 ? 10 : 11} CONNACK ${code} of MQTT ${protocolVersion}`,
  ...{ codes: [error], law, begin: refusing(code, { protocolVersion }) },
});

/** DISCONNECT as soon as a line is there. */
const disconnect = (code: number, error: IotErrorCode, law: Refusal['law'] = 'slow'): Refusal => ({
  name: `fault:B-19 DISCONNECT ${code} after each CONNACK`,
  ...{ codes: [error], law, isUp: true },
  begin: scripted({ packet: 'connect' }, [answer.serve(), answer.disconnect(code)], MQTT_5),
});

const bytes = (text: string): Answer => answer.raw(Buffer.from(text, 'latin1'));
const PORTAL =
  'HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n<html><body>Please sign in</body></html>';

/** Without TLS. */
export const REFUSALS: readonly Refusal[] = [
  {
    name: 'fault:A-1 nobody listens',
    ...{ codes: ['NETWORK_UNREACHABLE'], law: 'retry' },
    begin: ({ broker }) => {
      broker.stopListening();
      return { mend: () => broker.listen(), [Symbol.asyncDispose]: nothingElse };
    },
  },
  ...(['ENOTFOUND', 'EAI_AGAIN'] as const).map(
    (code): Refusal => ({
      name: `fault:E-1 a name that is not resolved, ${code}`,
      ...{ codes: ['DNS_FAILED'], law: 'retry' },
      begin: () => {
        const names = resolver(code);
        return {
          options: { endpoint: 'broker.example' },
          mend: () => names.answer('127.0.0.1'),
          [Symbol.asyncDispose]: nothingElse,
        };
      },
    }),
  ),
  {
    name: 'fault:A-2 a SYN that nobody answers',
    ...{ codes: ['ATTEMPT_TIMEOUT'], law: 'retry' },
    begin: async ({ world, broker }) => {
      broker.stopListening();
      const hole = await openBlackHole(broker.port);
      const mend = async (): Promise<void> => {
        await hole[Symbol.asyncDispose]();
        await broker.listen();
      };
      const free = (): PromiseLike<void> => hole[Symbol.asyncDispose]();
      return { dialed: () => world.settled(), mend, [Symbol.asyncDispose]: free };
    },
  },
  {
    name: 'fault:A-9 a CONNECT that nobody answers',
    ...{ codes: ['ATTEMPT_TIMEOUT'], law: 'retry' },
    begin: (scene) => ({
      ...scripted({ packet: 'connect' }, [answer.hang()])(scene),
      dialed: (attempt) => scene.broker.when(() => scene.broker.connections.length >= attempt),
    }),
  },
  {
    name: 'fault:A-6 FIN instead of CONNACK',
    ...{ codes: ['CLOSED_BEFORE_CONNACK'], law: 'retry' },
    begin: scripted({ packet: 'connect' }, [answer.close()]),
  },
  {
    name: 'fault:A-5 RST instead of CONNACK',
    ...{ codes: ['CONNECTION_RESET'], law: 'retry' },
    begin: scripted({ packet: 'connect' }, [answer.reset()]),
  },
  {
    name: 'fault:A-18 FIN after each CONNACK, as when two duel for a client id',
    ...{ codes: ['CONNECTION_LOST', 'DUPLICATE_CLIENT_ID'], law: 'retry', isUp: true },
    begin: scripted({ packet: 'connect' }, [answer.serve(), answer.close()]),
  },
  {
    name: 'fault:A-22 bytes that are no MQTT',
    ...{ codes: ['PROTOCOL_ERROR'], law: 'retry' },
    begin: scripted({ packet: 'connect' }, [bytes('\x00\x01\xff\xfe')]),
  },
  {
    name: 'fault:A-22 a page of HTML from a captive portal',
    ...{ codes: ['PROTOCOL_ERROR'], law: 'retry' },
    begin: scripted({ packet: 'connect' }, [bytes(PORTAL), answer.close()]),
  },
  connack(4, 3, 'SERVER_UNAVAILABLE', 'retry'),
  connack(4, 4, 'BAD_CREDENTIALS', 'reauthenticate'),
  connack(4, 5, 'NOT_AUTHORIZED'),
  connack(4, 7, 'NOT_AUTHORIZED'),
  connack(5, 134, 'BAD_CREDENTIALS', 'reauthenticate'),
  connack(5, 135, 'NOT_AUTHORIZED'),
  connack(5, 136, 'SERVER_UNAVAILABLE', 'retry'),
  connack(5, 137, 'SERVER_UNAVAILABLE', 'retry'),
  connack(5, 138, 'NOT_AUTHORIZED'),
  connack(5, 140, 'CONNECTION_REFUSED'),
  connack(5, 151, 'QUOTA_EXCEEDED'),
  connack(5, 156, 'SERVER_MOVED'),
  connack(5, 157, 'SERVER_MOVED'),
  connack(5, 159, 'SERVER_UNAVAILABLE', 'retry'),
  disconnect(139, 'SERVER_UNAVAILABLE', 'retry'),
  disconnect(142, 'DUPLICATE_CLIENT_ID'),
  disconnect(151, 'QUOTA_EXCEEDED'),
  disconnect(152, 'CONNECTION_LOST', 'retry'),
  disconnect(160, 'CONNECTION_LOST', 'retry'),
];

const DAY_MS = 86_400_000;
const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY_MS);

/** Everybody trusts this authority; its certificates are those of the server and of the device. */
interface Certificates {
  readonly authority: Pair;
  readonly server: Pair;
  readonly device: Pair;
}

let made: Promise<Certificates> | undefined;

async function make(): Promise<Certificates> {
  const authority = await makeAuthority();
  return {
    authority,
    server: await makeLeaf(authority),
    device: await makeLeaf(authority, { name: 'lamp' }),
  };
}

export const certificates = (): Promise<Certificates> => {
  made ??= make();
  return made;
};

const keyLines = ({ key }: Pair): string[] =>
  key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-'));

/** TLS before the broker, and a client that signs in with a certificate. */
export async function fronted(
  { broker }: Scene,
  auth?: ClientOptions['auth'],
  secrets: readonly string[] = [],
) {
  const { authority, server, device } = await certificates();
  const good = { ...server, ca: authority.cert };
  const front = await TlsFront.start(broker.port, { ...good, requestCert: true, rejectUnauthorized: true });
  const options: ClientOptions = {
    port: front.port,
    ca: authority.cert,
    auth: auth ?? mutualTls(device),
    secrets: [...keyLines(device), ...secrets],
  };
  return { front, good, options, [Symbol.asyncDispose]: () => front[Symbol.asyncDispose]() };
}

/** The broker shows a certificate that does not do, until it has a new one. */
const showing =
  (leaf: LeafOptions, ofAnother = false) =>
  async (scene: Scene): Promise<Outage> => {
    const { front, good, ...rest } = await fronted(scene);
    const { authority } = await certificates();
    const wrong = await makeLeaf(ofAnother ? await makeAuthority('Another Root') : authority, leaf);
    front.show({ ...good, ...wrong });
    return { ...rest, mend: () => front.show(good) };
  };

const alerting =
  (alert: number) =>
  async (scene: Scene): Promise<Outage> => {
    const { front, good, ...rest } = await fronted(scene);
    front.refuse(alert);
    return { ...rest, mend: () => front.show(good) };
  };

/** The device signs in with files, which are not as they should be until the right ones are written. */
const withFiles =
  (spoil: (files: { readonly cert: string; readonly key: string }, all: Certificates) => Promise<void>) =>
  async (scene: Scene): Promise<Outage> => {
    const all = await certificates();
    const folder = await mkdtemp(join(tmpdir(), 'three-am-'));
    const files = { cert: join(folder, 'lamp.crt'), key: join(folder, 'lamp.key') };
    const mend = async (): Promise<void> => {
      await rm(files.cert, { force: true, recursive: true });
      await writeFile(files.key, all.device.key, { mode: 0o600 });
      await writeFile(files.cert, all.device.cert);
    };
    await mend();
    await spoil(files, all);
    const { options, ...front } = await fronted(scene, mutualTls(files));
    return {
      ...{ options, mend },
      [Symbol.asyncDispose]: async () => {
        await front[Symbol.asyncDispose]();
        await rm(folder, { recursive: true });
      },
    };
  };

const tls = (name: string, code: IotErrorCode, begin: Refusal['begin']): Refusal => ({
  ...{ name, codes: [code], law: 'slow', begin },
});

/** With mutual TLS. */
export const TLS_REFUSALS: readonly Refusal[] = [
  tls('fault:D-1 the certificate of another authority', 'SERVER_CERTIFICATE_UNTRUSTED', showing({}, true)),
  tls(
    'fault:D-2 a certificate for another host',
    'SERVER_NAME_MISMATCH',
    showing({ name: 'other', altNames: [{ type: 2, value: 'other.example' }] }),
  ),
  tls(
    'fault:D-3 an expired certificate of the broker',
    'SERVER_CERTIFICATE_EXPIRED',
    showing({ notBefore: daysFromNow(-9), notAfter: daysFromNow(-2) }),
  ),
  tls(
    'fault:D-4 a certificate of the broker that is not valid yet',
    'SERVER_CERTIFICATE_NOT_YET_VALID',
    showing({ notBefore: daysFromNow(2), notAfter: daysFromNow(9) }),
  ),
  {
    name: 'fault:D-6 a broker of TLS 1.1 alone',
    ...{ codes: ['TLS_FAILED'], law: 'retry' },
    begin: async (scene) => {
      const { front, good, ...rest } = await fronted(scene);
      front.show({ ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' });
      return { ...rest, mend: () => front.show(good) };
    },
  },
  tls('fault:D-5 the alert unknown_ca', 'CLIENT_CERTIFICATE_REFUSED', alerting(48)),
  tls('fault:D-5 the alert certificate_revoked', 'CLIENT_CERTIFICATE_REFUSED', alerting(44)),
  {
    name: 'fault:D-7 a handshake that hangs',
    ...{ codes: ['ATTEMPT_TIMEOUT'], law: 'retry' },
    begin: async (scene) => {
      const { front, good, ...rest } = await fronted(scene);
      front.hang();
      return { ...rest, dialed: () => scene.world.settled(), mend: () => front.show(good) };
    },
  },
  tls(
    'fault:D-5 an expired certificate of the device in a file',
    'CLIENT_CERTIFICATE_EXPIRED',
    withFiles(async ({ cert, key }, { authority }) => {
      const old = await makeLeaf(authority, { notBefore: daysFromNow(-9), notAfter: daysFromNow(-2) });
      await writeFile(cert, old.cert);
      await writeFile(key, old.key);
    }),
  ),
  tls(
    'fault:D-8 the file of the certificate is missing',
    'CREDENTIAL_UNREADABLE',
    withFiles(({ cert }) => rm(cert)),
  ),
  tls(
    'fault:D-8 the file of the certificate cannot be read',
    'CREDENTIAL_UNREADABLE',
    withFiles(async ({ cert }) => {
      // A folder, because root may read every file.
      await rm(cert);
      await mkdir(cert);
    }),
  ),
  tls(
    'fault:D-8 the key in the file is encrypted, and there is no passphrase',
    'CREDENTIAL_UNREADABLE',
    withFiles(async ({ cert, key }, { authority }) => {
      const encrypted = await makeLeaf(authority, { name: 'lamp', passphrase: 'canary-passphrase' });
      await writeFile(cert, encrypted.cert);
      await writeFile(key, encrypted.key);
    }),
  ),
  tls(
    'fault:D-14 a rotation that is half done: the key is new and the certificate old',
    'KEY_FILE_MISMATCH',
    withFiles(async ({ key }, { authority }) => {
      await writeFile(key, (await makeLeaf(authority, { name: 'lamp' })).key);
    }),
  ),
];

const fatal = (
  code: number,
  error: IotErrorCode,
  protocolVersion: 4 | 5,
  options: ClientOptions = {},
): FatalRefusal => ({
  name: `fault:A-${protocolVersion === 4 ? 10 : 11} CONNACK ${code} of MQTT ${protocolVersion}`,
  ...{ code: error, begin: refusing(code, { protocolVersion, ...options }) },
});

const will = { topic: 'gone', payload: 'lamp', qos: 1, retain: true } as const;

export const FATAL_REFUSALS: readonly FatalRefusal[] = [
  fatal(1, 'UNSUPPORTED_PROTOCOL_VERSION', 4),
  fatal(2, 'INVALID_CLIENT_ID', 4),
  fatal(132, 'UNSUPPORTED_PROTOCOL_VERSION', 5),
  fatal(133, 'INVALID_CLIENT_ID', 5),
  fatal(144, 'INVALID_WILL', 5, { will }),
  fatal(154, 'INVALID_WILL', 5, { will }),
  {
    name: 'fault:D-5 a key as text that is not that of the certificate',
    ...{ code: 'KEY_MISMATCH', isMendable: false },
    begin: async (scene) => {
      const { device, server } = await certificates();
      const auth = mutualTls({ cert: device.cert, key: server.key });
      const { options, ...rest } = await fronted(scene, auth, keyLines(server));
      return { ...rest, options, mend: () => {} };
    },
  },
];
