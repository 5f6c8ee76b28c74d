// Every function that apps call, with arguments that are right and have every field, so that any of them can be made wrong.

/**
 * @typedef {object} World what a case calls in: made anew for each
 * @property {import('./packages.mjs').Packages} packages
 * @property {any} broker
 * @property {any} client connected
 * @property {any} shadow
 * @property {any} core one for all cases
 *
 * @typedef {object} Call
 * @property {(world: World) => unknown} on whose method it is
 * @property {string} name
 * @property {(world: World) => unknown[]} args
 * @property {(made: any, world: World) => unknown} [use] what an app would do with what it got, and what ends it
 */

const signal = () => new AbortController().signal;
const call = () => ({ signal: signal(), timeoutMs: 1_000 });

/** @param {World} world */
const clientOptions = ({ packages: { root }, broker }) => ({
  ...broker.clientOptions('made'),
  auth: root.plainTcp({ username: 'a', password: 'b' }),
  protocolVersion: 5,
  session: { expirySeconds: 10 },
  keepAliveSeconds: 60,
  pingTimeoutMs: 5_000,
  attemptTimeoutMs: 5_000,
  operationTimeoutMs: 5_000,
  reconnect: { baseMs: 10, maxMs: 20, stableMs: 10, jitter: 'none', firstRetryWithinMs: 0 },
  connectIntervalMs: 0,
  offlineQueue: {
    ...{ maxMessages: 5, maxBytes: 1_000, overflow: 'dropOldest', store: root.memoryStore() },
    drain: { perSecond: 100, adaptive: true },
  },
  rateLimit: { publishesPerSecond: 100, bytesPerSecond: 10_000 },
  maxSubscriptions: 10,
  maximumPacketBytes: 2_048,
  metrics: false,
  will: { topic: 'w', payload: 'x', qos: 1, retain: false, delaySeconds: 1, properties: properties() },
  resume: {
    version: 1,
    subscriptions: [{ filter: 'a/+', qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 }],
    shadows: [{ thingName: 'a', name: 'b', handledDelta: 3 }],
  },
  random: () => 0.5,
});
const properties = () => ({
  ...{ contentType: 'text', payloadFormat: 'utf8', responseTopic: 'a', correlationData: new Uint8Array(2) },
  ...{ messageExpirySeconds: 10, userProperties: { a: 'b', c: ['d', 'e'] } },
});

/** As an app would: it must not matter later what was wrong in the options. @param {any} client */
async function live(client) {
  const calls = [
    client.connect({ timeoutMs: 100 }),
    client.subscribe('x', () => {}),
    client.publish('x', 'y', { qos: 1, timeoutMs: 100 }),
  ];
  await Promise.allSettled(calls);
  await client.close({ flushTimeoutMs: 0 });
}

/** @param {any} auth @param {World} world */
async function signIn(auth, { packages: { testing } }) {
  auth.defaultPort();
  auth.validate({ endpoint: 'localhost', port: 8883 });
  const clock = new testing.SimulatedClock();
  // What it returns would dial.
  await auth.signIn({ endpoint: 'localhost', port: 8883, signal: signal(), clock, wallClock: Date.now });
}

const close = (/** @type {any} */ made) => made.close();
const stop = (/** @type {any} */ made) => made.stop();

/** @param {'root' | 'browser'} entry @returns {Record<string, Call>} */
const ofEntry = (entry) => {
  const on = (/** @type {World} */ { packages }) => packages[entry];
  const isNode = entry === 'root';
  return {
    [`${entry}.createIotClient`]: {
      ...{ on, name: 'createIotClient' },
      args: (world) => [isNode ? clientOptions(world) : pageOptions(world)],
      use: (client) => (isNode ? live(client) : client.close()),
    },
    [`${entry}.clientInput`]: {
      ...{ on, name: 'clientInput' },
      args: (world) => [isNode ? clientOptions(world) : pageOptions(world), { parent: undefined }],
    },
    [`${entry}.clientOf`]: { on, name: 'clientOf', args: () => [{}] },
    [`${entry}.sigV4`]: {
      ...{ on, name: 'sigV4' },
      args: () => [
        {
          region: 'eu-west-1',
          expiresInSeconds: 60,
          credentials: {
            accessKeyId: 'AKIA',
            secretAccessKey: 's',
            sessionToken: 't',
            expiration: new Date(9e12),
          },
        },
      ],
      use: isNode ? signIn : undefined,
    },
    [`${entry}.customAuthorizer`]: {
      ...{ on, name: 'customAuthorizer' },
      args: () => [
        {
          ...{ name: 'a', username: 'u', password: 'p', tokenKeyName: 'k', tokenValue: 't' },
          ...{ tokenSignature: 's', ...(isNode ? { webSocket: false } : {}) },
        },
      ],
      use: isNode ? signIn : undefined,
    },
    [`${entry}.cognitoIdentity`]: {
      ...{ on, name: 'cognitoIdentity' },
      args: () => [
        {
          ...{ identityPoolId: 'eu-west-1:1699ebc0-7900-4099-b910-2df94f52a030', region: 'eu-west-1' },
          ...{ logins: { who: 'token' }, endpoint: 'http://127.0.0.1:1' },
        },
      ],
    },
    [`${entry}.mutualTls`]: {
      ...{ on, name: 'mutualTls' },
      args: () => [{ cert: 'c.pem', key: 'k.pem', passphrase: 'p', username: 'u', password: 'p' }],
      use: signIn,
    },
    [`${entry}.plainTcp`]: {
      ...{ on, name: 'plainTcp' },
      args: () => [{ username: 'u', password: 'p' }],
      use: signIn,
    },
    [`${entry}.levelStore`]: {
      ...{ on, name: 'levelStore' },
      args: () => [{ directory: 'queue', sync: 'eachPublish', maxBytes: 1_000_000 }],
    },
    [`${entry}.memoryStore`]: { on, name: 'memoryStore', args: () => [] },
  };
};

/** @param {World} world */
const pageOptions = ({ packages: { browser } }) => ({
  ...{ endpoint: 'localhost', port: 443, clientId: 'page', keepAliveSeconds: 60 },
  auth: browser.customAuthorizer({ name: 'a' }),
  offlineQueue: { maxMessages: 5, drain: { perSecond: 1 } },
});

/** @param {(world: World) => unknown} on @param {string} whose @param {Record<string, (world: World) => unknown[]>} methods */
const methods = (on, whose, methods) =>
  Object.fromEntries(Object.entries(methods).map(([name, args]) => [`${whose}.${name}`, { on, name, args }]));

const ofClient = methods(({ client }) => client, 'client', {
  publish: () => [
    'a',
    { x: 1 },
    { ...call(), qos: 1, retain: false, expiresInMs: 1_000, properties: properties() },
  ],
  subscribe: () => [
    'a/+',
    { ...call(), qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    () => {},
  ],
  unsubscribe: () => ['a/+', call()],
  messages: () => ['a/+', { qos: 1, bufferSize: 3, overflow: 'dropOldest', noLocal: false }],
  connect: () => [call()],
  disconnect: () => [{ flushTimeoutMs: 10 }],
  close: () => [{ flushTimeoutMs: 10 }],
  when: () => ['live', call()],
  shadow: () => ['thing', { name: 'n', persistent: true, topics: 'exact', schema: schema() }],
  on: () => ['status', () => {}],
  dehydrate: () => [],
  networkOnline: () => [],
  statusChanges: () => [],
});
const schema = () => ({
  '~standard': { version: 1, vendor: 'fuzz', validate: (/** @type {unknown} */ value) => ({ value }) },
});

const shadowCall = () => ({ ...call(), waitForConnection: false, clientToken: 'token' });
const stream = () => [{ bufferSize: 2, overflow: 'dropNewest' }];
const ofShadow = methods(({ shadow }) => shadow, 'shadow', {
  get: () => [shadowCall()],
  update: () => [
    { desired: { a: [1] }, reported: { b: null } },
    { ...shadowCall(), version: 1 },
  ],
  delete: () => [shadowCall()],
  onDelta: () => [() => {}],
  onDocuments: () => [() => {}],
  onState: () => [() => {}],
  onInvalid: () => [() => {}],
  deltas: stream,
  documents: stream,
  whenSynced: () => [call()],
  close: () => [],
});

/** @type {Record<string, Call>} */
const ofTools = {
  'inspect.serveInspector': {
    ...{ on: ({ packages }) => packages.inspect, name: 'serveInspector' },
    args: ({ client, core, packages }) => [
      [client],
      { port: 0, payloads: 'size', core, clock: new packages.testing.SimulatedClock() },
    ],
    use: close,
  },
  'inspect.statelyInspector': {
    ...{ on: ({ packages }) => packages.inspect, name: 'statelyInspector' },
    args: () => [{ via: 'webSocket', payloads: 'none', port: 0, viewer: 'http://localhost:1' }],
    use: close,
  },
  'local.startLocalIotCore': {
    ...{ on: ({ packages }) => packages.local, name: 'startLocalIotCore' },
    args: ({ packages }) => [
      {
        ...{ port: 0, plainPort: 0, webSocketPort: 0, cognitoPort: 0, httpPort: 0, directory: 'core' },
        ...{ credentialLifetimeSeconds: 10, limits: { publishesPerSecond: 10 }, deviations: {} },
        ...{ clock: new packages.testing.SimulatedClock(), authorize: () => true, authorizer: () => ({}) },
        onWarning: () => {},
      },
    ],
    use: stop,
  },
  'testing.ScriptedBroker': {
    ...{ on: ({ packages }) => packages.testing.ScriptedBroker, name: 'start' },
    args: ({ packages }) => [
      {
        ...{ port: 0, automatic: true, connack: { code: 0 }, allowHalfOpen: false },
        clock: new packages.testing.SimulatedClock(),
      },
    ],
    use: stop,
  },
  'testing.shadowOperationModel': {
    ...{ on: ({ packages }) => packages.testing, name: 'shadowOperationModel' },
    args: () => [{ kind: 'get', waitForConnection: true, keepsTopics: false }],
  },
  'testing.FaultProxy': {
    ...{ on: ({ packages }) => packages.testing.FaultProxy, name: 'start' },
    args: ({ broker }) => [{ to: { host: '127.0.0.1', port: broker.port }, port: 0 }],
    use: stop,
  },
  'broker.on': {
    ...{ on: ({ broker }) => broker, name: 'on' },
    args: () => [{ packet: 'publish', topic: 'a', clientId: 'x', connection: 1, nth: 1, times: 1 }],
  },
  'broker.publish': {
    ...{ on: ({ broker }) => broker, name: 'publish' },
    args: () => ['a', 'x', { qos: 0, properties: { contentType: 'a' } }],
  },
  'adapters.Credentials': {
    ...{
      on: ({ packages }) => ({ make: (/** @type {any} */ one) => new packages.adapters.Credentials(one) }),
    },
    ...{ name: 'make', args: () => [{ username: 'u', password: 'p' }] },
  },
  'queue.configure': {
    ...{ on: ({ client }) => client.queue, name: 'configure' },
    args: () => [
      { maxMessages: 5, maxBytes: 10_000, overflow: 'dropOldest', drain: { perSecond: 10, adaptive: false } },
    ],
  },
};

/** @type {Record<string, Call>} */
export const CALLS = {
  ...ofEntry('root'),
  ...ofEntry('browser'),
  ...ofClient,
  ...ofShadow,
  ...ofTools,
};

/** What is not called, and why. */
export const NOT_CALLED = {
  'root.IotError': 'apps catch it',
  'root.Message': 'apps get it',
  'root.ShadowRejectedError': 'apps catch it',
  'root.InvalidDocumentError': 'apps catch it',
  'browser.IotError': 'as in the root',
  'browser.Message': 'as in the root',
  'browser.ShadowRejectedError': 'as in the root',
  'browser.InvalidDocumentError': 'as in the root',
  'inspectBrowser.statelyInspector': 'needs a page',
  'machines.Handle': 'wraps any value',
  'machines.actorOf': 'looks a value up',
  'adapters.createMqttTransport': 'takes what was checked, as its type says',
  'adapters.mutualTls': 'that of the root',
  'adapters.plainTcp': 'that of the root',
  'adapters.sigV4': 'that of the root',
  'testing.connack': 'writes down what a test wants a broker to say, right or wrong',
  'testing.checkHistory': 'judges what a test wrote down',
  'testing.machineModel': 'takes a machine of the test',
  'testing.adjacencyOf': 'takes what machineModel() returned',
  'testing.pathsOf': 'takes what machineModel() returned',
  'testing.coverageOf': 'takes what machineModel() returned',
  'testing.invariantsOf': 'takes what machineModel() returned',
  'testing.ActorSubject': 'takes what machineModel() returned',
  'testing.placeOf': 'takes a snapshot of a machine',
  'testing.connectionModel': 'takes nothing',
  'testing.offlineQueueModel': 'takes nothing',
  'testing.subscriptionsModel': 'takes nothing',
  'testing.deviceShadowModel': 'takes nothing',
  'testing.SimulatedClock': 'holds numbers',
  'client.send': 'for the machines: not of the interface',
  'client.received': 'for the machines: not of the interface',
  'shadow.end': 'for the client: not of the interface',
};

/**
 * The functions that are neither called nor said not to be: a new export needs its place here.
 *
 * @param {World} world
 */
export function forgotten({ packages, client, shadow }) {
  const known = { ...CALLS, ...NOT_CALLED };
  const exported = Object.entries(packages).flatMap(([entry, all]) =>
    Object.entries(all)
      .filter(([, value]) => typeof value === 'function')
      .map(([name]) => `${entry}.${name}`),
  );
  const called = Object.entries({ client, shadow, queue: client.queue }).flatMap(([whose, object]) =>
    Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object)))
      .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
      .map(([name]) => `${whose}.${name}`),
  );
  return [...exported, ...called].filter((name) => !(name in known));
}
