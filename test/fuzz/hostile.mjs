// Values that no type would let through, by name, so that a case is plain JSON.
import fc from 'fast-check';
import { OwnFault } from './judge.mjs';

const fault = () => {
  throw new OwnFault('of the caller');
};

/** What a caller may have given instead: made anew for each case. @type {Record<string, () => unknown>} */
const MADE = {
  undefined: () => undefined,
  notANumber: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  minusInfinity: () => Number.NEGATIVE_INFINITY,
  minusZero: () => -0,
  bigint: () => 10n ** 40n,
  symbol: () => Symbol('R'.repeat(300)),
  aFunction: () => () => 'R'.repeat(300),
  aClass: () => class Given {},
  throws: () => fault,
  rejects: () => () => Promise.reject(new OwnFault('of the caller')),
  cyclic: () => {
    /** @type {Record<string, unknown>} */
    const value = {};
    value['self'] = value;
    return value;
  },
  cyclicArray: () => {
    /** @type {unknown[]} */
    const value = [];
    value.push(value);
    return value;
  },
  prototypeKey: () =>
    JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":1}}}'),
  withoutPrototype: () => Object.assign(Object.create(null), { a: 1 }),
  throwingProxy: () => new Proxy({}, Object.fromEntries(TRAPS.map((trap) => [trap, fault]))),
  throwingProxyFunction: () => new Proxy(() => {}, Object.fromEntries(TRAPS.map((trap) => [trap, fault]))),
  throwingGetters: () =>
    Object.defineProperties(
      {},
      Object.fromEntries(FIELDS.map((name) => [name, { get: fault, enumerable: true }])),
    ),
  throwingText: () => ({ toString: fault, valueOf: fault, [Symbol.toPrimitive]: fault, toJSON: fault }),
  aMap: () => new Map([['a', 1]]),
  aDate: () => new Date(Number.NaN),
  anExpression: () => /(a+)+$/,
  aPromise: () => Promise.resolve(1),
  bytes: () => new Uint8Array([1, 2, 3]),
  detached: () => {
    const bytes = new Uint8Array(8);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    return bytes;
  },
  boxed: () => new String('text'),
  long: () => 'R'.repeat(70_000),
  veryLong: () => 'R'.repeat(3_000_000),
  manyLevels: () => 'a/'.repeat(30_000),
  nul: () => 'a\0b',
  halfPair: () => 'a\ud800b',
  terminal: () => 'a\u001b[31m\r\nb\u2028\u202e',
  frozen: () => Object.freeze({}),
  deep: () => JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`),
  holes: () => new Array(100_000),
  aborted: () => AbortSignal.abort(new OwnFault('of the caller')),
};
const TRAPS = [
  ...['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf', 'set', 'deleteProperty'],
  ...['isExtensible', 'apply', 'construct', 'defineProperty'],
];
/** Fields that options often have. */
const FIELDS = [
  'qos',
  'timeoutMs',
  'signal',
  'topic',
  'send',
  'name',
  'then',
  'kind',
  'length',
  'port',
  'open',
];

const PLAIN = [
  ...[
    null,
    true,
    false,
    0,
    1,
    -1,
    2,
    0.5,
    65_536,
    2 ** 31,
    2 ** 53,
    1e308,
    5e-324,
    '',
    ' ',
    'x',
    '#',
    '+/a',
    'a/#',
  ],
  ...[
    '$share//x',
    '$aws/things/x/shadow/get',
    '12',
    'NaN',
    '__proto__',
    [],
    [null],
    {},
    { a: 1 },
    { qos: 9 },
    [[]],
  ],
];

/** @typedef {{ made: string } | { plain: unknown }} Hostile */

/** @type {fc.Arbitrary<Hostile>} */
export const hostile = fc.oneof(
  fc.constantFrom(...Object.keys(MADE)).map((made) => ({ made })),
  fc.constantFrom(...PLAIN).map((plain) => ({ plain })),
  fc
    .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string())
    .map((plain) => ({ plain })),
);

/** @param {any} given */
export function hostileValue(given) {
  return 'made' in given ? MADE[given.made]?.() : structuredClone(given.plain);
}
