import { describe, expect, it } from 'vitest';
import { EarlyCloseClassifier, type Inquiry, type Verdict } from '../../../src/protocol/early-close.ts';
import { IotError, type IotErrorCode } from '../../../src/protocol/errors.ts';
import type { LineEnd } from '../../../src/protocol/transport.ts';

interface Publish {
  readonly topic: string;
}

interface Close {
  readonly livedMs?: number;
  readonly publishes?: readonly Publish[];
  readonly filters?: readonly string[];
  readonly how?: LineEnd['how'];
  readonly code?: IotErrorCode;
  readonly reasonCode?: number;
}

const NETWORK = { kind: 'network' };
const PACKET = { kind: 'packet' };
const a: Publish = { topic: 'a' };
const b: Publish = { topic: 'b' };
const c: Publish = { topic: 'c' };
const EIGHT = ['f/1', 'f/2', 'f/3', 'f/4', 'f/5', 'f/6', 'f/7', 'f/8'];

class Lines {
  now = 0;
  readonly ended = new Set<Publish>();
  readonly classifier = new EarlyCloseClassifier<Publish>(() => this.now);
  inquiry: Inquiry<Publish> | undefined;

  open(): Inquiry<Publish> | undefined {
    this.now += 1_000;
    this.inquiry = this.classifier.opened((publish) => !this.ended.has(publish));
    return this.inquiry;
  }

  /** A line that lives so long after its quiet time; 30 ms when it is not told. */
  close({ livedMs = 30, how = 'closed', code = 'CONNECTION_LOST', ...rest }: Close = {}): Verdict<Publish> {
    this.now += (this.inquiry?.quietMs ?? 0) + livedMs;
    return this.#end({ how, code, ...rest });
  }

  /** A line that ends in its quiet time. */
  closeQuietly(): Verdict<Publish> {
    this.now += (this.inquiry?.quietMs ?? 0) - 1;
    return this.#end({ how: 'closed', code: 'CONNECTION_LOST' });
  }

  line(close: Close = {}): Verdict<Publish> {
    this.open();
    return this.close(close);
  }

  #end({ publishes = [], filters = [], how = 'closed', code = 'CONNECTION_LOST', reasonCode }: Close) {
    const error = new IotError(code, 'the line ended', reasonCode === undefined ? {} : { reasonCode });
    return this.classifier.closed({ end: { how, error, unansweredFilters: filters }, publishes });
  }
}

/** Two early closes, after which these are suspects. */
function suspected(close: Close): Lines {
  const lines = new Lines();
  lines.line(close);
  lines.line(close);
  return lines;
}

describe('a poison publish', () => {
  it('is a suspect once two closes in a row found it unacknowledged', () => {
    const lines = new Lines();
    expect(lines.open()).toBeUndefined();
    expect(lines.close({ publishes: [a, b] })).toEqual(NETWORK);
    expect(lines.open()).toBeUndefined();
    expect(lines.close({ publishes: [b, c] })).toEqual(PACKET);
    const inquiry = lines.open();
    expect([...(inquiry?.publishes ?? [])]).toEqual([b]);
    expect(inquiry).toMatchObject({ filtersPerSubscribe: 8, quietMs: 500 });
  });

  it.each([
    ['fault:C-2 G5 a topic that the policy denies: closed without a word', {}],
    ['fault:C-3 a payload that is too large for this broker: reset', { how: 'reset' }],
    ['fault:C-2 MQTT 5, DISCONNECT 135', { code: 'NOT_AUTHORIZED', reasonCode: 135 }],
    ['fault:C-3 MQTT 5, DISCONNECT 149', { reasonCode: 149 }],
  ] satisfies [string, Close][])('%s: the third close over it alone convicts it', (_name, how) => {
    const lines = suspected({ publishes: [a, b], ...how });
    expect(lines.line({ publishes: [b], ...how })).toEqual(PACKET);
    expect(lines.line({ publishes: [b], ...how })).toEqual(PACKET);
    expect(lines.line({ publishes: [b], ...how })).toEqual({
      kind: 'poisonPublish',
      publish: b,
      closes: 3,
    });
  });

  it('is not convicted by closes over others, or over it and others', () => {
    const lines = suspected({ publishes: [a, b] });
    const close = [[a], [b], [a], [b], [b, c], [b], [b]];
    expect(close.map((publishes) => lines.line({ publishes }).kind)).toEqual(close.map(() => 'packet'));
  });

  it('leaves the next suspect under inquiry, which needs three closes of its own', () => {
    const lines = suspected({ publishes: [a, b] });
    for (let i = 0; i < 3; i++) lines.line({ publishes: [a] });
    lines.ended.add(a);
    expect(lines.inquiry?.quietMs).toBeGreaterThan(10_000);
    expect(lines.open()?.quietMs).toBe(500);
    const kinds = [1, 2, 3].map(() => lines.line({ publishes: [b] }).kind);
    expect(kinds).toEqual(['packet', 'packet', 'poisonPublish']);
    lines.ended.add(b);
    expect(lines.open()).toBeUndefined();
  });

  it('that was aborted ends the inquiry', () => {
    const lines = suspected({ publishes: [a] });
    lines.ended.add(a);
    expect(lines.open()).toBeUndefined();
  });

  it('stays a suspect while a filter is convicted first', () => {
    const lines = suspected({ publishes: [a], filters: EIGHT });
    for (const filters of [EIGHT.slice(0, 4), EIGHT.slice(0, 2)]) lines.line({ filters });
    expect(lines.line({ filters: ['f/1'] })).toEqual({ kind: 'poisonFilter', filter: 'f/1', closes: 3 });
    expect(lines.open()).toMatchObject({ publishes: new Set([a]), filtersPerSubscribe: 8 });
  });

  it('stays a suspect when a filter that comes later is one too', () => {
    const lines = suspected({ publishes: [a] });
    for (let i = 0; i < 2; i++) lines.line({ filters: ['f/1'] });
    expect(lines.open()).toMatchObject({ publishes: new Set([a]), filtersPerSubscribe: 1 });
  });
});

describe('a poison filter', () => {
  it('is found by halves, and convicted at the third close', () => {
    const lines = suspected({ filters: EIGHT });
    const asked: (number | undefined)[] = [];
    const verdicts = [EIGHT.slice(4, 8), EIGHT.slice(6, 8), ['f/7']].map((filters) => {
      asked.push(lines.open()?.filtersPerSubscribe);
      return lines.close({ filters });
    });
    expect(asked).toEqual([4, 2, 1]);
    expect(verdicts).toEqual([PACKET, PACKET, { kind: 'poisonFilter', filter: 'f/7', closes: 3 }]);
    expect(lines.open()).toBeUndefined();
  });

  it.each([9, 16, 24, 50])('is looked for among %i that were asked for at once', (count) => {
    const lines = suspected({ filters: Array.from({ length: count }, (_, i) => `f/${i}`) });
    expect(lines.open()?.filtersPerSubscribe).toBe(4);
  });

  it('takes three closes when it is the only one', () => {
    const lines = suspected({ filters: ['f/1'] });
    const kinds = [1, 2, 3].map(() => lines.line({ filters: ['f/1'] }).kind);
    expect(kinds).toEqual(['packet', 'packet', 'poisonFilter']);
  });

  it('is none of those over which the line is closed one after the other', () => {
    const lines = suspected({ filters: EIGHT });
    lines.line({ filters: EIGHT.slice(0, 4) });
    expect(lines.line({ filters: ['f/5', 'f/6'] })).toEqual(NETWORK);
    expect(lines.open()).toBeUndefined();
  });

  it('is not convicted beside another that has no answer, nor beside a publish', () => {
    const two = suspected({ filters: ['f/1', 'f/2'] });
    const both = { filters: ['f/1', 'f/2'] };
    expect([1, 2, 3, 4].map(() => two.line(both).kind)).toEqual(['packet', 'packet', 'packet', 'packet']);
    const beside = suspected({ filters: ['f/1'] });
    const kinds = [b, c, a].map((publish) => beside.line({ filters: ['f/1'], publishes: [publish] }).kind);
    expect(kinds).toEqual(['packet', 'packet', 'packet']);
  });

  it('stays a suspect when the line is closed next over a publish and other filters', () => {
    const lines = suspected({ filters: ['f/1', 'f/2'] });
    lines.line({ filters: ['f/1', 'f/2'], publishes: [a] });
    lines.line({ filters: ['f/3'], publishes: [a] });
    expect(lines.open()).toMatchObject({ publishes: new Set([a]), filtersPerSubscribe: 1 });
  });

  it('is a suspect no more once all were answered', () => {
    const lines = suspected({ filters: EIGHT });
    lines.line({ how: 'givenUp' });
    expect(lines.open()).toBeUndefined();
  });
});

describe('MQTT 5, DISCONNECT 135', () => {
  const denied = { code: 'NOT_AUTHORIZED', reasonCode: 135 } as const;

  it('is said of a packet from the first time on when one is open, and of the client when none is', () => {
    expect(new Lines().line({ ...denied, publishes: [a] })).toEqual(PACKET);
    expect(new Lines().line({ ...denied, filters: ['f/1'] })).toEqual(PACKET);
    expect(new Lines().line(denied)).toEqual(NETWORK);
  });
});

describe('plain network trouble', () => {
  it('acquits all when a line ends in its quiet time', () => {
    const lines = suspected({ publishes: [a], filters: EIGHT });
    lines.open();
    expect(lines.closeQuietly()).toEqual(NETWORK);
    expect(lines.open()).toBeUndefined();
    lines.close({ publishes: [a], filters: EIGHT });
    expect(lines.open()).toBeUndefined();
  });

  it('acquits nobody when a line lives as long as its quiet time', () => {
    const lines = suspected({ publishes: [a] });
    expect(lines.line({ livedMs: 0, publishes: [a] })).toEqual(PACKET);
    expect(lines.open()?.publishes).toEqual(new Set([a]));
  });

  it('is told from poison by a quiet time that grows with what the line before lived', () => {
    const lines = suspected({ publishes: [a], livedMs: 1_000 });
    const first = lines.open()?.quietMs ?? 0;
    lines.close({ publishes: [a] });
    const second = lines.open()?.quietMs ?? 0;
    expect(first).toBeGreaterThanOrEqual(5_000);
    expect(second).toBeGreaterThanOrEqual(5 * first);
  });

  it('never asks for a quiet time of hours after a line of hours', () => {
    const lines = suspected({ publishes: [a], livedMs: 36_000_000 });
    expect(lines.open()?.quietMs).toBe(45_000);
  });

  it('makes nothing poison that the line outlived without its PUBACK', () => {
    const lines = suspected({ publishes: [a] });
    lines.line({ publishes: [a] });
    lines.line({ publishes: [a], livedMs: 30_000, how: 'givenUp', code: 'OPERATION_TIMEOUT' });
    expect(lines.open()).toBeUndefined();
  });

  it.each([
    ['SERVER_UNAVAILABLE', 139],
    ['SERVER_MOVED', 157],
    ['DUPLICATE_CLIENT_ID', 142],
    ['QUOTA_EXCEEDED', 151],
    ['CONNECTION_LOST', 141],
    ['CONNECTION_LOST', 152],
    ['CONNECTION_LOST', 160],
  ] satisfies [IotErrorCode, number][])(
    'makes nothing a suspect when the broker says %s (%i)',
    (code, reasonCode) => {
      const lines = suspected({ publishes: [a], filters: EIGHT, code, reasonCode });
      expect(lines.open()).toBeUndefined();
    },
  );

  it('acquits all when a line under inquiry was given up, unless it was asked to end', () => {
    const all = { publishes: [a], filters: EIGHT, how: 'givenUp' } as const;
    const asked = suspected({ publishes: [a] });
    asked.line({ ...all, code: 'DISCONNECTED' });
    expect(asked.open()?.publishes).toEqual(new Set([a]));
    asked.close({ ...all, code: 'CONNECTION_LOST' });
    expect(asked.open()).toBeUndefined();
  });

  it('makes nothing a suspect when the line was given up here', () => {
    const lines = suspected({ publishes: [a], filters: EIGHT, how: 'givenUp', code: 'PING_TIMEOUT' });
    expect(lines.open()).toBeUndefined();
  });
});

describe('a duplicate client id', () => {
  const kinds = (lines: Lines, closes: readonly Close[]) => closes.map((close) => lines.line(close).kind);

  it('fault:C-1 is told at the third early close that nothing explains, and at each one after it', () => {
    const lines = new Lines();
    expect([1, 2, 3, 4].map(() => lines.line())).toEqual([
      NETWORK,
      NETWORK,
      { kind: 'duplicateClientId', closes: 3 },
      { kind: 'duplicateClientId', closes: 4 },
    ]);
  });

  it('is told although each line carried publishes of its own', () => {
    const closes = [a, b, c].map((publish) => ({ publishes: [publish] }));
    expect(kinds(new Lines(), closes)).toEqual(['network', 'network', 'duplicateClientId']);
  });

  it('is told when the suspects are acquitted, without counting anew', () => {
    const lines = suspected({ publishes: [a] });
    lines.open();
    expect(lines.closeQuietly()).toEqual(NETWORK);
    expect(kinds(lines, [{}])).toEqual(['duplicateClientId']);
  });

  it('is not told when a poison publish explains what came before', () => {
    const lines = new Lines();
    const over = { publishes: [a] };
    expect(kinds(lines, [{}, over, over, over, over, over])).toEqual([
      'network',
      'network',
      'packet',
      'packet',
      'packet',
      'poisonPublish',
    ]);
    lines.ended.add(a);
    expect(kinds(lines, [{}])).toEqual(['network']);
  });

  it.each([
    ['lived for 20 s', { livedMs: 20_000 }],
    ['was reset', { how: 'reset' }],
    ['was given up', { how: 'givenUp' }],
    ['broke the protocol', { code: 'PROTOCOL_ERROR' }],
    ['ended with a reason of the broker', { reasonCode: 152 }],
  ] satisfies [string, Close][])('is not told when a line between %s', (_name, between) => {
    const closes = [{}, {}, between, {}, {}];
    expect(kinds(new Lines(), closes)).not.toContain('duplicateClientId');
  });

  it('is not told when an attempt between found no broker', () => {
    const lines = new Lines();
    kinds(lines, [{}, {}]);
    lines.classifier.failed();
    expect(kinds(lines, [{}, {}])).toEqual(['network', 'network']);
  });
});
