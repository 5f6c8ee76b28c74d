import { describe, expect, test } from 'vitest';
import type { EventObject } from 'xstate';
import { type DeviceShadowPorts, deviceShadowMachine, Handle } from '../../src/machines/index.ts';
import {
  deleted,
  delta,
  documents,
  got,
  granted,
  lost,
  missing,
  updated,
  watch,
} from './device-shadow-world.ts';
import { pure } from './pure.ts';
import { error } from './support.ts';

const refused = { type: 'topics.refused', error: error('SUBSCRIPTION_REFUSED') };
const unwatch = { type: 'unwatch' };
const uncertain = { type: 'copy.uncertain' };
const handler = { type: 'handler.added' };
const handled = { type: 'delta.handled' };
const failed = { type: 'delta.failed' };
const resolved = (version: number) => ({ type: 'delta.resolved', version });
const resync = { type: 'xstate.after.resync.deviceShadow.copy.watched.retrying' };
const thrown = { type: 'xstate.error.actor.get', error: new Error('test') };
const answered = (version: number) => done({ type: 'accepted', version });
const none = done({ type: 'rejected', error: Object.assign(error('SHADOW_REJECTED'), { reasonCode: 404 }) });
const late = done({ type: 'timedOut', error: error('TIMEOUT') });
const denied = done({ type: 'failed', error: error('POISON_SUBSCRIPTION') });

function done(outcome: object): EventObject & { output: object } {
  return { type: 'xstate.done.actor.get', output: { outcome } };
}

describe('one step', () => {
  const ports = new Handle<DeviceShadowPorts>({ openGet: () => new Handle({}), random: () => 0 } as never);
  const { step, afterEvents } = pure(deviceShadowMachine, { ports });

  const asking = [watch(true, true), granted];
  const synced = [...asking, got(5), answered(5)];
  const PLACES = {
    unwatched: [],
    subscribing: [watch(true, true)],
    asking,
    'asking, 5': [...synced, lost, granted],
    retrying: [...asking, late],
    synced,
    'synced, none': [...asking, missing, none],
    refused: [...asking, refused],
    offering: [...synced, delta(6)],
    outstanding: [...synced, delta(6), failed],
  };
  const GET = 'start get';
  const STOP = 'stop get';
  const [DELETED, REPLACED, MERGED] = ['emit copy.deleted', 'emit copy.replaced', 'emit copy.merged'];
  const [IN, OUT] = ['emit shadow.synced', 'emit shadow.unsynced'];
  const PASSED = 'emit delta.passed';
  const GONE = 'emit delta.gone';
  const RETRY = 'timer resync 500';

  test.each([
    ['unwatched', watch(), 'subscribing + none', ['start line', 'start topics']],
    ['unwatched', unwatch, 'unwatched + none', []],
    ['unwatched', granted, 'unwatched + none', []],
    ['unwatched', got(3), 'unwatched + none', [REPLACED]],
    ['unwatched', delta(3), 'unwatched + none', []],
    ['unwatched', documents(3), 'unwatched + none', [REPLACED]],
    ['unwatched', missing, 'unwatched + none', [DELETED]],
    ['unwatched', uncertain, 'unwatched + none', []],
    ['subscribing', granted, 'asking + none', [GET]],
    ['subscribing', refused, 'refused + none', ['emit shadow.refused']],
    ['subscribing', lost, 'subscribing + none', []],
    ['subscribing', updated(3), 'subscribing + none', []],
    ['subscribing', unwatch, 'unwatched + none', ['stop line', 'stop topics']],
    ['asking', got(5), 'asking + none', [REPLACED]],
    ['asking', got(5, true), 'asking + offering', [REPLACED, PASSED, 'start offer']],
    ['asking', updated(5), 'asking + none', []],
    ['asking', granted, 'asking + none', []],
    ['asking', documents(5), 'asking + none', [REPLACED, 'emit documents.passed']],
    ['asking', missing, 'asking + none', [DELETED]],
    ['asking', none, 'synced + none', [STOP, IN]],
    ['asking', answered(5), 'retrying + none', [STOP, RETRY]],
    ['asking', late, 'retrying + none', [STOP, RETRY, 'emit shadow.unanswered']],
    ['asking', thrown, 'retrying + none', [STOP, RETRY, 'emit shadow.faulted']],
    ['asking', denied, 'refused + none', [STOP, 'emit shadow.refused']],
    ['asking', lost, 'subscribing + none', [STOP]],
    ['asking, 5', updated(6), 'asking + none', []],
    ['asking, 5', got(5), 'asking + none', [REPLACED]],
    ['asking, 5', got(4), 'asking + none', []],
    ['asking, 5', deleted(5), 'asking + none', [DELETED]],
    ['asking, 5', deleted(4), 'asking + none', []],
    ['asking, 5', answered(5), 'synced + none', [STOP, IN]],
    ['asking, 5', answered(2), 'retrying + none', [STOP, DELETED, RETRY]],
    ['retrying', resync, 'asking + none', [GET]],
    ['retrying', granted, 'retrying + none', []],
    ['retrying', lost, 'subscribing + none', []],
    ['retrying', got(5), 'retrying + none', [REPLACED]],
    ['synced', updated(6), 'synced + none', [MERGED]],
    ['synced', updated(7), 'asking + none', [OUT, GET]],
    ['synced', updated(5), 'synced + none', []],
    ['synced', got(7), 'synced + none', [REPLACED]],
    ['synced', got(5), 'synced + none', []],
    ['synced', documents(7), 'synced + none', [REPLACED, 'emit documents.passed']],
    ['synced', uncertain, 'asking + none', [OUT, GET]],
    ['synced', deleted(5), 'synced + none', [DELETED]],
    ['synced', deleted(4), 'asking + none', [OUT, GET]],
    ['synced', missing, 'asking + none', [OUT, DELETED, GET]],
    ['synced', granted, 'synced + none', []],
    ['synced', lost, 'subscribing + none', [OUT]],
    ['synced', refused, 'refused + none', [OUT, 'emit shadow.refused']],
    ['synced', watch(true, false), 'synced + none', ['tell topics hold']],
    ['synced', unwatch, 'unwatched + none', [OUT, 'stop line', 'stop topics']],
    ['synced', delta(6), 'synced + offering', [PASSED, 'start offer']],
    ['synced', delta(4), 'synced + none', []],
    ['synced', handler, 'synced + none', []],
    ['synced, none', updated(6), 'asking + none', [OUT, GET]],
    ['synced, none', got(6), 'asking + none', [OUT, REPLACED, GET]],
    ['synced, none', documents(6), 'asking + none', [OUT, REPLACED, 'emit documents.passed', GET]],
    ['synced, none', delta(6), 'asking + offering', [OUT, GET, PASSED, 'start offer']],
    ['synced, none', missing, 'synced + none', [DELETED]],
    ['refused', watch(true, true), 'subscribing + none', ['tell topics hold']],
    ['refused', granted, 'asking + none', [GET]],
    ['refused', lost, 'refused + none', []],
    ['offering', delta(7), 'synced + offering', [PASSED]],
    ['offering', delta(6), 'synced + offering', []],
    ['offering', handled, 'synced + none', ['stop offer']],
    ['offering', failed, 'synced + outstanding', ['stop offer']],
    ['offering', handler, 'synced + offering', []],
    ['offering', got(6), 'synced + offering', [REPLACED, GONE]],
    ['offering', deleted(6), 'synced + offering', [DELETED, GONE]],
    ['offering', lost, 'subscribing + offering', [OUT]],
    ['outstanding', delta(6), 'synced + outstanding', []],
    ['outstanding', delta(7), 'synced + offering', [PASSED, 'start offer']],
    ['outstanding', got(6, true), 'synced + offering', [REPLACED, PASSED, 'start offer']],
    ['outstanding', got(6), 'synced + none', [REPLACED, GONE]],
    ['outstanding', handler, 'synced + offering', ['start offer']],
    ['outstanding', resolved(7), 'synced + none', [GONE]],
    ['outstanding', resolved(6), 'synced + outstanding', []],
    ['outstanding', deleted(5), 'synced + none', [DELETED, GONE]],
  ] as const)('%s, %o', (from, given, to, effects) => {
    const reached = step(afterEvents(PLACES[from]).snapshot, given);
    expect(reached.place.replaceAll(/copy\.(watched\.)?|delta\./g, '')).toBe(to);
    expect([...reached.effects].sort()).toEqual([...effects].sort());
  });
});
