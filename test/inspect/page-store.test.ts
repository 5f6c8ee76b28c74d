import { describe, expect, it } from 'vitest';
import type { ActorView, ClientView, Feed, FeedChange, LogEntry } from '../../src/inspect/feed.ts';
import { firstChoice, linked, linkOf } from '../../src/inspect/page/choice.ts';
import { changed, DEPTHS_MS, KEPT_ENTRIES, started } from '../../src/inspect/page/feed-store.ts';
import { family, filtered } from '../../src/inspect/page/log-filter.ts';
import { momentOf } from '../../src/inspect/page/moment.ts';
import { deepest, steps } from '../../src/inspect/page/sparkline.ts';
import { treeMove, treeRows } from '../../src/inspect/page/tree-rows.ts';

const actor = (key: string, parent: string | null, more: Partial<ActorView> = {}): ActorView => ({
  key,
  parent,
  name: `name-${key}`,
  kind: 'machine',
  status: 'active',
  chart: null,
  states: [],
  context: null,
  error: null,
  last: null,
  since: 0,
  ...more,
});

const client = (queued: number): ClientView => ({
  actor: 'client',
  clientId: 'lamp',
  state: 'live',
  queued,
  inFlight: 0,
  retryAt: null,
  attempt: null,
  reason: null,
});

const entry = (sequence: number, more: Partial<LogEntry> = {}): LogEntry => ({
  sequence,
  at: sequence,
  actor: 'line',
  source: 'client',
  type: 'connect',
  event: {},
  transitions: [],
  states: null,
  ...more,
});

const feed = (more: Partial<Feed> = {}): Feed => ({
  type: 'feed',
  run: 'first',
  now: 1_000,
  payloads: 'none',
  actors: [actor('client', null), actor('line', 'client', { name: 'connection' })],
  clients: [client(0)],
  log: [],
  logged: 0,
  faults: [],
  ...more,
});

const change = (more: Partial<FeedChange> = {}): FeedChange => ({
  type: 'change',
  now: 2_000,
  actors: [],
  forgotten: [],
  clients: [],
  log: [],
  logged: 0,
  ...more,
});

const numbers = (from: number, count: number): LogEntry[] =>
  Array.from({ length: count }, (_, index) => entry(from + index));

describe('the store of the live page', () => {
  it('keeps the newest entries, however many come', () => {
    let view = started(feed(), undefined);
    for (let times = 0; times < 30; times += 1) {
      view = changed(view, change({ log: numbers(1 + times * 200, 200), logged: (times + 1) * 200 }));
    }
    expect(view.log).toHaveLength(KEPT_ENTRIES);
    expect(view.log.at(-1)?.entry.sequence).toBe(6_000);
    expect(view.logged).toBe(6_000);
  });

  it('says how many entries it was not told', () => {
    const view = changed(
      started(feed({ log: [entry(4)] }), undefined),
      change({ log: [entry(9), entry(10)] }),
    );
    expect(view.log.map(({ missed }) => missed)).toEqual([0, 4, 0]);
  });

  it('remembers the names of actors that are forgotten', () => {
    const before = started(feed({ log: [entry(1)] }), undefined);
    const view = changed(before, change({ forgotten: ['line'] }));
    expect([...view.actors.keys()]).toEqual(['client']);
    expect(view.log[0]).toMatchObject({ actor: ['name-client', 'connection'], source: ['name-client'] });
  });

  it('is the same in every part that a change does not name', () => {
    const before = started(feed({ log: [entry(1)] }), undefined);
    const view = changed(before, change());
    expect(view.actors).toBe(before.actors);
    expect(view.clients).toBe(before.clients);
    expect(view.log).toBe(before.log);
  });

  it('forgets a client with its actor', () => {
    const view = changed(started(feed(), undefined), change({ forgotten: ['client'] }));
    expect([view.clients.size, view.depths.size]).toEqual([0, 0]);
  });

  it('keeps a minute of how deep a queue was', () => {
    let view = started(feed(), undefined);
    for (let second = 2; second <= 200; second += 1) {
      view = changed(view, change({ now: second * 1_000, clients: [client(second)] }));
    }
    const course = view.depths.get('client') ?? [];
    expect(course[0]).toEqual({ at: 200_000 - DEPTHS_MS, queued: 140 });
    expect(course.at(-1)).toEqual({ at: 200_000, queued: 200 });
  });

  it('does not claim to know how deep it was while the stream was lost', () => {
    const before = started(feed({ clients: [client(3)] }), undefined);
    const view = started(feed({ now: 9_000, clients: [client(3)] }), before);
    expect(view.depths.get('client')).toEqual([
      { at: 1_000, queued: 3 },
      { at: 1_000, queued: null },
      { at: 9_000, queued: 3 },
    ]);
  });
});

describe('the course of a queue', () => {
  const size = { width: 60, height: 10 };

  it('is drawn as steps, with now at the right', () => {
    const course = [
      { at: 0, queued: 0 },
      { at: 30_000, queued: 4 },
      { at: 45_000, queued: 2 },
    ];
    expect(steps(course, 60_000, size)).toBe('M0 10H30L30 0H45L45 5H60');
    expect(deepest(course)).toBe(4);
  });

  it('has a gap where nobody knows', () => {
    const course = [
      { at: 0, queued: 1 },
      { at: 20_000, queued: null },
      { at: 40_000, queued: 1 },
    ];
    expect(steps(course, 60_000, size)).toBe('M0 0H20M40 0H60');
  });
});

describe('the tree of the live page', () => {
  const actors = (list: readonly ActorView[]) => new Map(list.map((one) => [one.key, one]));
  const ended = Array.from({ length: 6 }, (_, index) => actor(`e${index}`, 'a', { status: 'done' }));
  const family6 = actors([actor('a', null), actor('b', 'a'), actor('c', 'b'), ...ended, actor('z', null)]);
  const keys = (rows: ReturnType<typeof treeRows>) => rows.map(({ key }) => key);

  it('shows who started whom, and of those that have ended the last', () => {
    const rows = treeRows(family6, new Set());
    expect(keys(rows)).toEqual(['a', 'b', 'c', 'e3', 'e4', 'e5', 'a+ended', 'z']);
    expect(rows.map(({ level }) => level)).toEqual([1, 2, 3, 2, 2, 2, 2, 1]);
    expect(rows[6]).toMatchObject({ kind: 'ended', count: 3, position: 5, siblings: 5 });
    expect(keys(treeRows(family6, new Set(['a+ended', 'b'])))).toEqual([
      ...['a', 'b', 'e0', 'e1', 'e2', 'e3', 'e4', 'e5', 'a+ended', 'z'],
    ]);
  });

  it('keeps those who worked for one that has ended folded, and those that run before those that have ended', () => {
    const over = actors([
      ...[actor('a', null), actor('b', 'a', { status: 'done' }), actor('c', 'b', { status: 'stopped' })],
      actor('d', 'a'),
    ]);
    expect(keys(treeRows(over, new Set()))).toEqual(['a', 'd', 'b']);
    expect(keys(treeRows(over, new Set(['b'])))).toEqual(['a', 'd', 'b', 'c']);
  });

  it('shows of what ran for a machine and has ended only what failed', () => {
    const over = actors([
      actor('a', null),
      actor('b', 'a', { kind: 'callback', status: 'stopped' }),
      actor('c', 'a', { kind: 'promise', status: 'error' }),
      actor('d', 'a', { kind: 'promise' }),
    ]);
    expect(keys(treeRows(over, new Set()))).toEqual(['a', 'd', 'c', 'a+ended']);
  });

  it('puts an actor whose parent was forgotten at the root', () => {
    expect(keys(treeRows(actors([actor('b', 'gone')]), new Set()))).toEqual(['b']);
  });

  it.each([
    ['a', 'ArrowDown', { to: 'b' }],
    ['b', 'ArrowUp', { to: 'a' }],
    ['a', 'ArrowUp', undefined],
    ['a', 'ArrowRight', { to: 'b' }],
    ['a', 'ArrowLeft', { flip: 'a' }],
    ['c', 'ArrowLeft', { to: 'b' }],
    ['c', 'ArrowRight', undefined],
    ['b', 'End', { to: 'z' }],
    ['z', 'Home', { to: 'a' }],
    ['b', 'Enter', { choose: 'b' }],
    ['a+ended', ' ', { flip: 'a+ended' }],
    ['b', 'x', undefined],
  ])('at %s the key %s leads where a tree leads', (at, key, move) => {
    expect(treeMove(treeRows(family6, new Set()), at, key)).toEqual(move);
  });

  it('opens a closed row by the right arrow', () => {
    expect(treeMove(treeRows(family6, new Set(['b'])), 'b', 'ArrowRight')).toEqual({ flip: 'b' });
  });
});

describe('the filter of the log', () => {
  const { log, actors } = started(
    feed({
      log: [
        entry(1, { type: 'transport.failed', event: { error: { code: 'CONNECTION_RESET' } } }),
        entry(2, { actor: 'client', source: null }),
      ],
    }),
    undefined,
  );
  const found = (text: string, only?: ReadonlySet<string>) =>
    filtered(log, { text, actors: only }).map((kept) => kept.entry.sequence);

  it('finds every word, wherever it stands', () => {
    expect(found('')).toEqual([1, 2]);
    expect(found('FAILED')).toEqual([1]);
    expect(found('connection_reset transport')).toEqual([1]);
    expect(found('connect')).toEqual([1, 2]);
    expect(found('failed nothing')).toEqual([]);
  });

  it('takes one actor, or all below it', () => {
    expect(found('', new Set(['client']))).toEqual([2]);
    expect(found('', family(actors, 'client'))).toEqual([1, 2]);
  });
});

describe('a moment of the past', () => {
  it('has the states that were told last before it', () => {
    const { log } = started(
      feed({
        log: [
          entry(1),
          entry(2, { states: ['line', 'line.up'] }),
          entry(3, { actor: 'client', states: ['client'] }),
          entry(4, { transitions: ['t'] }),
        ],
      }),
      undefined,
    );
    expect(log.map((kept) => momentOf(log, kept)?.states)).toEqual([
      undefined,
      ['line', 'line.up'],
      ['client'],
      ['line', 'line.up'],
    ]);
    expect(momentOf(log, log[3]!)).toMatchObject({ transitions: ['t'], at: 4 });
  });
});

describe('what is chosen', () => {
  const view = started(feed(), undefined);

  it('is at first the line of the first client', () => {
    expect(firstChoice(view)).toBe('line');
    expect(firstChoice(started(feed({ actors: [actor('a', null)], clients: [] }), undefined))).toBe('a');
  });

  it('has a link that outlives the server', () => {
    expect(linkOf(view.actors, 'line')).toBe('#name-client/connection');
    expect(linked(view.actors, '#name-client/connection')).toBe('line');
    expect(linked(view.actors, '#nobody')).toBeUndefined();
  });
});
