import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type IotClient, IotError, type Status } from '../../src/index.ts';
import { DEFAULT_BACKOFF } from '../../src/protocol/backoff.ts';
import type { HistoryLine } from '../../src/testing/index.ts';
import {
  emittedAfterClosed,
  leaksIn,
  overfull,
  strayConnections,
  strayFilters,
  unkeptIn,
  unlawfulDelays,
  untrueIn,
} from '../support/invariants.ts';
import { PromiseRegistry } from '../support/tracked.ts';

const FIGURES = { stable: false, queued: 0, inFlight: 0 };
const refused = new IotError('SERVER_UNAVAILABLE', 'busy');
const denied = new IotError('NOT_AUTHORIZED', 'no');

const state = (
  name: 'idle' | 'live' | 'draining' | 'resubscribing' | 'disconnecting' | 'closed',
): Status => ({
  ...FIGURES,
  sessionPresent: false,
  state: name,
});
const connecting: Status = { ...FIGURES, state: 'connecting', attempt: 1 };
const backingOff = (retryAt: number, attempt: number, reason: IotError | undefined = refused): Status => ({
  ...FIGURES,
  ...{ state: 'backingOff', retryAt, attempt, reason },
});

describe('the judge of promises (fault:I1)', () => {
  /** A client whose `connect` gives this. */
  const giving = (promise: Promise<unknown>): IotClient => ({ connect: () => promise }) as never;

  async function judged(promise: Promise<unknown>, signal?: AbortSignal): Promise<readonly string[]> {
    const registry = new PromiseRegistry();
    const client = registry.tracked(giving(promise));
    void client.connect(signal === undefined ? {} : { signal }).catch(() => undefined);
    return (await registry.judge()).unkept;
  }

  it('finds one that is pending', async () => {
    expect(await judged(new Promise(() => {}))).toEqual(['I1 connect() is pending']);
  });

  it('finds one that is pending in a receipt, and one that rejected with something else', async () => {
    expect(await judged(Promise.resolve({ delivered: new Promise(() => {}) }))).toEqual([
      'I1 connect().delivered is pending',
    ]);
    const delivered = Promise.reject(new TypeError('oops'));
    delivered.catch(() => undefined);
    expect(await judged(Promise.resolve({ delivered }))).toEqual([
      expect.stringMatching(/^I1 connect\(\).delivered rejected with TypeError: oops/),
    ]);
  });

  it('takes an IotError and the reason of the signal of the call, and nothing else', async () => {
    const stop = new AbortController();
    expect(await judged(Promise.resolve())).toEqual([]);
    expect(await judged(Promise.reject(refused))).toEqual([]);
    const enough = new Error('enough');
    expect(await judged(Promise.reject(enough), stop.signal)).toHaveLength(1);
    stop.abort(enough);
    expect(await judged(Promise.reject(enough), stop.signal)).toEqual([]);
    expect(await judged(Promise.reject(new Error('enough')), stop.signal)).toHaveLength(1);
  });
});

describe('the runner', () => {
  interface Run {
    readonly code: unknown;
    readonly output: string;
    /** What each test of `secrets.fixture.ts` failed with; empty for one that passed. */
    readonly secretTests: readonly { readonly name: string; readonly failure: string }[];
  }
  let run: Run;

  /** What a run of the fixtures says. They pass by themselves, but for what they leave to the runner. */
  beforeAll(async () => {
    const folder = join(import.meta.dirname, 'fixtures');
    const vitest = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs');
    const results = await mkdtemp(join(tmpdir(), 'fixtures-'));
    const file = join(results, 'results.json');
    const parameters = [vitest, 'run', '--config', join(folder, 'vitest.config.ts')];
    const reports = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    run = await new Promise((resolve) => {
      execFile(process.execPath, [...parameters, ...reports], (error, stdout, stderr) =>
        resolve({
          code: error?.code ?? 0,
          output: stripVTControlCharacters(stdout + stderr),
          secretTests: secretTestsIn(readFileSync(file, 'utf8')),
        }),
      );
    });
    await rm(results, { recursive: true });
  });

  function secretTestsIn(results: string): Run['secretTests'] {
    const { testResults } = JSON.parse(results) as {
      testResults: {
        name: string;
        assertionResults: { ancestorTitles: string[]; title: string; failureMessages: string[] }[];
      }[];
    };
    const tests = testResults.find(({ name }) => name.endsWith('secrets.fixture.ts'))?.assertionResults ?? [];
    return tests.map(({ ancestorTitles, title, failureMessages }) => ({
      name: [...ancestorTitles, title].join(' '),
      failure: failureMessages.join('\n'),
    }));
  }

  it('fails for what nobody handles or catches (fault:I2), and for what is left open or changed (fault:I6)', () => {
    expect(run.code).toBe(1);
    expect(run.output).toMatch(/Unhandled Rejection[\s\S]*INVALID_ARGUMENT/);
    expect(run.output).toMatch(/Uncaught Exception[\s\S]*nobody catches this/);
    expect(run.output).toMatch(/Left behind:\s*1 × TCPServerWrap/);
    expect(run.output).toMatch(/Left behind:\s*changed: env SET_BY_A_FIXTURE\s*\n/);
    const passed = ['first-count', 'second-count', 'unhandled', 'uncaught'];
    for (const name of passed) expect(run.output).toContain(`✓ ${name}.fixture.ts`);
    expect(run.output).toMatch(/Errors +2 errors/);
  });

  it('sec:S-7 fails a test that shows a secret, wherever it does, and none that says why or shows none', () => {
    const of = (color: string) => run.secretTests.filter(({ name }) => name.startsWith(color));
    expect(of('red')).toHaveLength(18);
    for (const { name, failure } of of('red')) {
      const where = name.replace(/^red |:.*/g, '');
      expect(failure, name).toMatch(
        new RegExp(`^Error: Secrets shown:\n(.*\n)*sec:S-7: .* is in ${where}$`, 'm'),
      );
      expect(failure, name).not.toContain('not-to-be-shown');
    }
    expect(of('green')).toEqual([
      { name: 'green says why it shows one', failure: '' },
      { name: 'green shows none', failure: '' },
    ]);
  });
});

describe('the judge of the status (fault:I3, fault:I12)', () => {
  const life = [connecting, state('resubscribing'), state('draining'), state('live'), state('closed')];

  it('takes a whole life', () => {
    expect(untrueIn(life)).toEqual([]);
    const stable: Status = { ...state('live'), stable: true };
    expect(untrueIn([...life.slice(0, 4), stable, backingOff(1, 1), state('closed')])).toEqual([]);
  });

  it.each([
    ['a step that the machine does not have', [connecting, state('live'), state('closed')]],
    ['a state that is told twice', [connecting, connecting, state('closed')]],
    ['something after closed', [...life, state('idle')]],
    ['two ends', [...life, state('closed')]],
    ['no end', life.slice(0, -1)],
  ])('finds %s', (_what, told) => {
    expect(untrueIn(told)).not.toEqual([]);
  });
});

describe('the judge of messages (fault:I4)', () => {
  const lines = (...ops: readonly string[]): HistoryLine[] =>
    ops.map((op, t) => {
      const [name, id = 'm', flag] = op.split(' ');
      const qos = flag === 'qos0' ? ({ qos: 0 } as const) : {};
      const outcome = flag === 'unknown' ? { outcomeUnknown: true } : {};
      return { t, op: name, id, ...qos, ...outcome } as HistoryLine;
    });

  it.each([
    ['one that was delivered', ['accepted', 'queued', 'written', 'delivered', 'received']],
    ['one that was sent again', ['accepted', 'written', 'written', 'delivered', 'received', 'received']],
    ['one that was refused', ['accepted', 'rejected']],
    ['one that was given up on the wire', ['accepted', 'rejected m unknown', 'written', 'received']],
    [
      'QoS 0, which is over before the broker sees it',
      ['accepted m qos0', 'delivered', 'written', 'received'],
    ],
  ])('takes %s', (_what, ops) => {
    expect(unkeptIn(lines(...ops))).toEqual([]);
  });

  it.each([
    ['lost', ['accepted', 'written', 'delivered']],
    ['duplicated', ['accepted', 'written', 'delivered', 'received', 'received']],
    ['reordered', ['accepted a', 'accepted b', 'delivered a', 'delivered b', 'received b', 'received a']],
    ['phantom', ['received']],
    ['stranded', ['accepted', 'queued']],
    ['toldTwice', ['accepted', 'rejected', 'delivered', 'received']],
    ['misreported', ['accepted', 'rejected', 'received']],
    ['revived', ['accepted', 'written', 'delivered', 'written', 'received']],
  ])('finds what is %s', (name, ops) => {
    expect(unkeptIn(lines(...ops)).join()).toContain(`I4 ${name}`);
  });
});

describe('the judge of connections, filters and emissions', () => {
  it('fault:I5 finds one connection too many', () => {
    expect(strayConnections(1, 1)).toEqual([]);
    expect(strayConnections(2, 2)).toEqual([]);
    expect(strayConnections(2, 1)).toHaveLength(1);
  });

  it('fault:I8 finds a filter that the broker does not have, and one that nobody wants', () => {
    expect(strayFilters(['a'], ['a', 'b'], ['a', 'b'])).toEqual([]);
    expect(strayFilters(['a'], ['a'], [])).toEqual(['I8 a is not subscribed']);
    expect(strayFilters([], [], ['a'])).toEqual(['I8 a is still subscribed']);
  });

  it('fault:I11 finds what comes after closed', () => {
    const closed = { event: 'status', state: 'closed' } as const;
    expect(emittedAfterClosed([{ event: 'undelivered' }, closed])).toEqual([]);
    expect(emittedAfterClosed([closed, { event: 'undelivered' }])).toHaveLength(1);
    expect(emittedAfterClosed([closed, closed])).toHaveLength(1);
  });
});

describe('the judge of delays (fault:I7)', () => {
  const judge = (...told: readonly (readonly [at: number, status: Status])[]): readonly string[] =>
    unlawfulDelays(
      told.map(([at, status]) => ({ at, status })),
      DEFAULT_BACKOFF,
    );

  it('takes 1, 2, 4 … seconds, drawn from their upper halves', () => {
    expect(judge([0, backingOff(500, 1)], [500, connecting], [600, backingOff(2_600, 2)])).toEqual([]);
    const stable: Status = { ...state('live'), stable: true };
    expect(judge([0, backingOff(1_000, 1)], [9, stable], [10, backingOff(510, 1)])).toEqual([]);
  });

  it('takes the slow delay where a person must mend something, and none after a planned end', () => {
    expect(judge([0, backingOff(16_000, 1, denied)])).toEqual([]);
    expect(judge([0, state('disconnecting')], [5, backingOff(5, 1, undefined)])).toEqual([]);
  });

  it('takes the first delay again once it was told what closed the lines', () => {
    const samples = [
      { at: 0, status: backingOff(1_000, 1) },
      { at: 1_000, status: connecting },
      { at: 1_001, status: backingOff(2_001, 1) },
    ];
    expect(unlawfulDelays(samples, DEFAULT_BACKOFF, 1, [1_001])).toEqual([]);
    expect(unlawfulDelays(samples, DEFAULT_BACKOFF, 1, [900])).not.toEqual([]);
  });

  it('takes a try before its time where networkOnline() asked for it', () => {
    const told = (nudges: number) =>
      unlawfulDelays(
        [
          { at: 0, status: backingOff(900, 1), nudges: 1 },
          { at: 300, status: connecting, nudges },
        ],
        DEFAULT_BACKOFF,
      );
    expect(told(2)).toEqual([]);
    expect(told(1)).toEqual(['I7 tries 600 ms before retryAt']);
  });

  it.each<[string, readonly (readonly [number, Status])[]]>([
    ['a delay that is too short', [[0, backingOff(498, 1)]]],
    ['a delay that is too long', [[0, backingOff(1_002, 1)]]],
    [
      'a delay that does not grow',
      [
        [0, backingOff(900, 1)],
        [900, connecting],
        [901, backingOff(1_801, 2)],
      ],
    ],
    ['a refusal that is tried again like a loss', [[0, backingOff(900, 1, denied)]]],
    ['no delay at all', [[0, backingOff(0, 1)]]],
    ['a wrong count', [[0, backingOff(900, 2)]]],
  ])('finds %s', (_what, told) => {
    expect(judge(...told)).not.toEqual([]);
  });
});

describe('the judge of the queue (fault:I9)', () => {
  const bounds = { maxMessages: 2, maxBytes: 100 };

  it('takes what is within bounds, and what a live line left behind', () => {
    const backlogs = [
      { state: 'idle', messages: 2, bytes: 100 },
      { state: 'live', messages: 5, bytes: 300 },
      { state: 'backingOff', messages: 7, bytes: 400 },
    ] as const;
    expect(overfull(backlogs, bounds)).toEqual([]);
  });

  it.each([
    ['messages', { state: 'backingOff', messages: 3, bytes: 0 }],
    ['bytes', { state: 'draining', messages: 0, bytes: 101 }],
  ] as const)('finds too many %s', (what, backlog) => {
    expect(overfull([backlog], bounds).join()).toContain(what);
  });
});

describe('the judge of secrets (fault:I10)', () => {
  const SECRET = 'hidden-7f3a';

  it.each([
    ['a message', new Error(`wrong passphrase ${SECRET}`)],
    ['a cause', new IotError('INTERNAL', 'failed', { cause: new Error(SECRET) })],
    ['a field', { context: { options: { passphrase: SECRET } } }],
    ['what toJSON gives', { toJSON: () => SECRET }],
    ['text', `printed ${SECRET}`],
    ['bytes', { payload: Buffer.from(`a ${SECRET}`) }],
    ['part of a buffer', new Uint8Array(new TextEncoder().encode(`--${SECRET}`).buffer, 2)],
    ['an ArrayBuffer', new TextEncoder().encode(SECRET).buffer],
    ['the depth', { a: { b: { c: { d: { e: { f: { g: { h: { i: SECRET } } } } } } } } }],
    [
      'the depth of maps',
      { a: { b: { c: { d: { e: { f: new Map([['g', new Map([['h', SECRET]])]]) } } } } } },
    ],
    ['the depth of sets', { a: { b: { c: { d: { e: { f: new Set([{ h: SECRET }]) } } } } } }],
    ['a name', new Map([[{ a: { b: { c: { d: { e: { f: { [SECRET]: 1 } } } } } } }, 1]])],
    [
      'a cycle',
      (() => {
        const node = { next: {}, deep: { a: [[[[[[[SECRET]]]]]]] } };
        node.next = node;
        return node;
      })(),
    ],
  ])('finds one in %s, and does not repeat it', (_where, value) => {
    const found = leaksIn(['fine', value], [SECRET]);
    expect(found).toHaveLength(1);
    expect(found.join()).not.toContain(SECRET);
  });

  it('finds none where there is none', () => {
    const harmless = [
      new Error('wrong passphrase'),
      { a: 1 },
      undefined,
      null,
      Buffer.from('a'),
      new Map([[1, 2]]),
    ];
    expect(leaksIn(harmless, [SECRET])).toEqual([]);
  });
});
