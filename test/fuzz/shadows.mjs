// Documents and answers about shadows: a real client on a broker whose shadow service is the case. Whatever comes, requests end,
// nothing reaches the prototypes, and the next good answer is understood.
import fc from 'fast-check';
import { claim, judgeError, judgeText, shownWith, turns, within } from './judge.mjs';

const THING = 'fuzz';
const PREFIX = `$aws/things/${THING}/shadow`;
/** What the requests of the case are known by. */
const TOKENS = ['get', 'update', 'delete'];
const KINDS = [
  ...[
    'get/accepted',
    'get/rejected',
    'update/accepted',
    'update/rejected',
    'update/delta',
    'update/documents',
  ],
  ...['delete/accepted', 'delete/rejected', 'get', 'update/documents/x'],
];
const REMOTE = 'R'.repeat(500);
const KEYS = [
  'a',
  'b',
  '',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'polluted',
  REMOTE,
  'k\u001b[31m\n',
];
const NUMBERS = [0, 1, 2, 3, 100, -1, 0.5, 2 ** 53, 1e308];

const odd = fc.constantFrom(null, true, '', 'x', REMOTE, [], {}, [{}], ...NUMBERS);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof({ depthSize: 'small' }, odd, tie('object'), fc.array(tie('tree'), { maxLength: 3 })),
  object: fc.array(fc.tuple(fc.constantFrom(...KEYS), tie('tree')), { maxLength: 4 }).map(ofEntries),
}));

/** As JSON has it: `__proto__` is a key like any other. @param {[string, unknown][]} entries */
function ofEntries(entries) {
  return Object.fromEntries(entries);
}

const maybe = (/** @type {fc.Arbitrary<any>} */ usual) =>
  fc.oneof({ weight: 6, arbitrary: usual }, { weight: 2, arbitrary: fc.constant(undefined) }, odd);
const sections = maybe(
  fc.record({ desired: maybe(tree), reported: maybe(tree), delta: maybe(tree) }, { requiredKeys: [] }),
);
const version = maybe(fc.constantFrom(1, 2, 3, 4, 5));
const document = fc.record({ state: sections, metadata: maybe(tree), version, timestamp: maybe(fc.nat()) });
const body = fc
  .record({
    state: fc.oneof(sections, tree),
    metadata: maybe(tree),
    version,
    timestamp: maybe(fc.nat()),
    clientToken: maybe(fc.constantFrom(...TOKENS, 'nobody', REMOTE)),
    code: maybe(fc.constantFrom(400, 404, 409, 413, 429, 500)),
    message: maybe(fc.constantFrom('no', REMOTE, 'a\u001b[31m\nb')),
    previous: maybe(document),
    current: maybe(document),
  })
  .map((all) => ({ text: JSON.stringify(all) }));
const damagedText = fc
  .tuple(body, fc.nat(1_000), fc.constantFrom('', '{', '"', '\\u', '\0', '}', ',', '1e9999'))
  .map(([{ text }, at, piece]) => ({ text: text.slice(0, at) + piece + text.slice(at + 1) }));
const bodies = fc.oneof(
  { weight: 10, arbitrary: body },
  { weight: 2, arbitrary: damagedText },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => ({ hex: Buffer.from(bytes).toString('hex') })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      open: fc.constantFrom('[', '{"a":', '{"state":{"desired":{"a":'),
      times: fc.constantFrom(10, 1_000, 40_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ wide: fc.constantFrom(100, 3_000), key: fc.constantFrom('k', '__proto__') }),
  },
);

/** Longer than any request may wait for its answer. */
const PATIENCE_MS = 60_000;

/** @param {any} given @returns {string | Uint8Array} */
function payloadOf(given) {
  if (given.text !== undefined) return given.text;
  if (given.hex !== undefined) return Buffer.from(given.hex, 'hex');
  if (given.open !== undefined) {
    const closing = [...given.open].filter((one) => one === '[' || one === '{').reverse();
    const end = closing.map((one) => (one === '[' ? ']' : '}')).join('');
    return `{"state":{"desired":${given.open.repeat(given.times)}1${end.repeat(given.times)}},"version":2,"clientToken":"get"}`;
  }
  const fields = Array.from(
    { length: given.wide },
    (_, i) => `"${given.key}${given.key === 'k' ? i : ''}":{"polluted":1}`,
  );
  return `{"state":{${fields.join(',')}},"version":3,"clientToken":"update"}`;
}

/** @param {import('./packages.mjs').Packages} packages @returns {Promise<import('./judge.mjs').Target>} */
export async function openShadows(packages) {
  return {
    cases: fc.record({
      version: fc.constantFrom(4, 5),
      persistent: fc.boolean(),
      topics: fc.constantFrom('wildcard', 'exact'),
      isCut: fc.boolean(),
      said: fc.array(fc.record({ kind: fc.constantFrom(...KINDS), body: bodies }), {
        minLength: 1,
        maxLength: 8,
      }),
    }),
    check: (given) => new Cloud(packages, given).run(),
    close: () => Promise.resolve(),
  };
}

class Cloud {
  /** @type {string[]} */
  #wrong = [];
  /** @type {Set<string>} */
  #open = new Set();

  /** @param {import('./packages.mjs').Packages} packages @param {any} given */
  constructor({ root, testing }, given) {
    this.root = root;
    this.testing = testing;
    this.given = given;
    this.clock = new testing.SimulatedClock();
  }

  async run() {
    this.broker = await this.testing.ScriptedBroker.start();
    this.client = this.root.createIotClient({
      ...this.broker.clientOptions('fuzz'),
      ...{ protocolVersion: this.given.version, clock: this.clock, random: () => 0.5 },
    });
    try {
      await this.#begin();
      for (const { kind, body } of this.given.said) await this.#say(kind, payloadOf(body));
      if (this.given.isCut) await this.broker.dropConnections();
      await this.#pass(PATIENCE_MS);
      await this.#judge();
    } finally {
      this.client.close({ flushTimeoutMs: 0 }).catch(() => {});
      await turns(3);
      await this.broker.stop();
    }
  }

  async #begin() {
    const { client } = this;
    client.on('handlerError', ({ error }) => this.#wrong.push(`handlerError: ${shownWith(error)}`));
    client.on('warning', ({ message }) => this.#note(() => judgeText(message, 'a warning')));
    await client.connect();
    await client.when('live');
    const { persistent, topics } = this.given;
    const shadow = client.shadow(THING, { persistent, topics });
    this.shadow = shadow;
    shadow.onState((state) => this.#note(() => judgeTree(state)));
    shadow.onDelta((delta) => this.#note(() => judgeTree(delta)));
    shadow.onDocuments((documents) => this.#note(() => judgeTree(documents)));
    shadow.onInvalid((error) => this.#note(() => judgeError(error, 'onInvalid')));
    this.#watch('get()', shadow.get({ clientToken: 'get' }));
    this.#watch('update()', shadow.update({ reported: { a: 1 } }, { clientToken: 'update' }));
    this.#watch('delete()', shadow.delete({ clientToken: 'delete' }));
    this.#watch('next()', shadow.deltas()[Symbol.asyncIterator]().next());
    this.#watch('whenSynced()', shadow.whenSynced());
    const isAsked = () => TOKENS.every((token) => this.#isAsked(token));
    await within(this.broker.when(isAsked), 'asking');
  }

  /** @param {string} token */
  #isAsked(token) {
    return this.broker.messages.some(({ payload }) => payload.includes(`"clientToken":"${token}"`));
  }

  /** @param {string} kind @param {string | Uint8Array} payload */
  async #say(kind, payload) {
    this.broker.publish(`${PREFIX}/${kind}`, payload);
    await turns(3);
  }

  /** @param {number} ms */
  async #pass(ms) {
    for (let passed = 0; passed < ms; passed += 2_000) {
      this.clock.advance(2_000);
      await turns(3);
    }
  }

  async #judge() {
    const { client, shadow } = this;
    for (const name of ['get()', 'update()', 'delete()'])
      claim(!this.#open.has(name), () => `${name} is pending after ${PATIENCE_MS} ms`);
    await within(this.#live(), 'coming back');
    judgeTree(shadow.state);
    claim(/** @type {any} */ ({}).polluted === undefined, 'Object.prototype is polluted');
    let got;
    const getting = shadow.get({ clientToken: 'good' }).then((document) => (got = document));
    this.#watch('the good get()', getting);
    await within(
      this.broker.when(() => this.#isAsked('good')),
      'the good get()',
    );
    await this.#say('get/accepted', '{"state":{"desired":{"fine":1}},"version":9,"clientToken":"good"}');
    await turns(5);
    claim(
      got?.state?.desired?.fine === 1,
      () => `the good answer was not understood: ${JSON.stringify(got)}`,
    );
    this.#watch('close()', client.close({ flushTimeoutMs: 0 }));
    await this.#pass(4_000);
    claim(this.#open.size === 0, () => `pending after close(): ${[...this.#open].join(', ')}`);
    claim(this.clock.pending === 0, () => `${this.clock.pending} timers run after close()`);
    claim(this.#wrong.length === 0, () => this.#wrong.join('\n'));
  }

  async #live() {
    while (this.client.status.state !== 'live') {
      this.clock.advance(100);
      await turns(3);
    }
  }

  /** @param {string} name @param {Promise<unknown>} promise */
  #watch(name, promise) {
    this.#open.add(name);
    promise
      .then(judgeTree, (error) => judgeError(error, name))
      .catch((error) => this.#wrong.push(String(error)))
      .finally(() => this.#open.delete(name));
  }

  /** @param {() => void} judge */
  #note(judge) {
    try {
      judge();
    } catch (error) {
      this.#wrong.push(String(error));
    }
  }
}

/** What came from outside is plain data, all the way down. @param {unknown} value @param {number} [depth] */
function judgeTree(value, depth = 0) {
  claim(depth < 200, 'a document is deeper than anything that may come');
  if (typeof value !== 'object' || value === null) return;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype || prototype === Array.prototype;
  claim(isPlain, () => `the prototype of a document is ${JSON.stringify(prototype)}`);
  for (const one of Object.values(value)) judgeTree(one, depth + 1);
}
