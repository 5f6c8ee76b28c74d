import { describe, expect, test } from 'vitest';
import type { EventObject } from 'xstate';
import { Handle, type SubscriptionsPorts, subscriptionsMachine } from '../../src/machines/index.ts';
import { pure } from './pure.ts';
import { refuse } from './subscriptions-world.ts';
import { error } from './support.ts';

describe('one step', () => {
  const { step, afterEvents } = pure(subscriptionsMachine, {
    ports: new Handle<SubscriptionsPorts>({ currentWire: () => undefined }),
  });
  const event = (type: string, more: object = {}): EventObject => ({ type, ...more });
  const subscribe = event('subscribe', { filter: 'a', qos: 1 });
  const unsubscribe = event('unsubscribe', { filter: 'a' });
  const begun = event('session.started', { sessionPresent: false });
  const kept = event('session.started', { sessionPresent: true });
  const ended = event('session.ended');
  const granted = event('broker.answered', { answers: [{ filter: 'a', grantedQos: 1 }] });
  const refused = event('broker.answered', { answers: [refuse('a')] });
  const released = event('broker.unsubscribed');
  const failure = event('broker.failed', { error: error('CONNECTION_LOST') });
  const overdue = (state: string) =>
    event(`xstate.after.answerTimeout.subscriptions.online.${state}.waiting`);
  const late = (state: string) => event(`xstate.after.secondLook.subscriptions.online.${state}.overdue`);
  const poisoned = event('filter.poisoned', { filter: 'a', error: error('POISON_SUBSCRIPTION') });
  const otherOptions = event('subscribe', { filter: 'a', qos: 1, options: { noLocal: true } });

  const PLACES = {
    offline: [],
    'online.settled': [begun],
    'online.subscribing.waiting': [begun, subscribe],
    'online.subscribing.overdue': [begun, subscribe, overdue('subscribing')],
    'online.settled, granted': [begun, subscribe, granted],
    'online.unsubscribing.waiting': [begun, subscribe, granted, unsubscribe],
    'online.unsubscribing.overdue': [begun, subscribe, granted, unsubscribe, overdue('unsubscribing')],
    'online.unanswered': [begun, subscribe, failure],
    'offline, granted': [begun, subscribe, granted, ended],
  };
  const ASKS = ['timer answerTimeout 5000', 'start subscriber'];
  const ASKS_TO_END = ['timer answerTimeout 5000', 'start unsubscriber'];
  const SETTLED = 'emit subscriptions.settled';
  const UNANSWERED = 'emit subscriptions.unanswered';
  const REFUSED = 'emit filter.refused';
  const SECOND_LOOK = ['timer secondLook 50'];

  test.each([
    ['offline', subscribe, 'offline', []],
    ['offline', unsubscribe, 'offline', []],
    ['offline', begun, 'online.settled', [SETTLED]],
    ['offline', ended, 'offline', []],
    ['offline', granted, 'offline', []],
    ['offline', released, 'offline', []],
    ['offline', failure, 'offline', []],
    ['offline, granted', subscribe, 'offline', []],
    ['offline, granted', begun, 'online.subscribing.waiting', ASKS],
    ['offline, granted', kept, 'online.settled', ['emit filter.granted', SETTLED]],
    ['online.settled', subscribe, 'online.subscribing.waiting', ASKS],
    ['online.settled', unsubscribe, 'online.unsubscribing.waiting', ASKS_TO_END],
    ['online.settled', granted, 'online.settled', []],
    ['online.settled, granted', subscribe, 'online.settled', ['emit filter.granted', SETTLED]],
    ['online.settled, granted', otherOptions, 'online.subscribing.waiting', ASKS],
    ['online.settled, granted', poisoned, 'online.unsubscribing.waiting', [REFUSED, ...ASKS_TO_END]],
    ['online.settled', poisoned, 'online.settled', [SETTLED]],
    ['offline', poisoned, 'offline', []],
    ['offline, granted', poisoned, 'offline', [REFUSED]],
    ['online.settled, granted', unsubscribe, 'online.unsubscribing.waiting', ASKS_TO_END],
    [
      'online.subscribing.waiting',
      granted,
      'online.settled',
      ['emit filter.granted', 'stop subscriber', SETTLED],
    ],
    [
      'online.subscribing.waiting',
      refused,
      'online.settled',
      ['emit filter.refused', 'stop subscriber', SETTLED],
    ],
    ['online.subscribing.waiting', subscribe, 'online.subscribing.waiting', []],
    ['online.subscribing.waiting', unsubscribe, 'online.subscribing.waiting', []],
    ['online.subscribing.waiting', released, 'online.subscribing.waiting', []],
    ['online.subscribing.waiting', failure, 'online.unanswered', ['stop subscriber', UNANSWERED]],
    ['online.subscribing.waiting', overdue('subscribing'), 'online.subscribing.overdue', SECOND_LOOK],
    ['online.subscribing.waiting', otherOptions, 'online.subscribing.waiting', []],
    ['online.subscribing.waiting', poisoned, 'online.subscribing.waiting', [REFUSED]],
    [
      'online.subscribing.overdue',
      granted,
      'online.settled',
      ['emit filter.granted', 'stop subscriber', SETTLED],
    ],
    ['online.subscribing.overdue', failure, 'online.unanswered', ['stop subscriber', UNANSWERED]],
    ['online.subscribing.overdue', late('subscribing'), 'online.unanswered', ['stop subscriber', UNANSWERED]],
    ['online.subscribing.overdue', subscribe, 'online.subscribing.overdue', []],
    ['online.subscribing.overdue', ended, 'offline', ['stop subscriber']],
    ['online.subscribing.waiting', ended, 'offline', ['stop subscriber']],
    ['online.subscribing.waiting', begun, 'online.subscribing.waiting', ['stop subscriber', ...ASKS]],
    [
      'online.unsubscribing.waiting',
      released,
      'online.settled',
      ['emit filter.released', 'stop unsubscriber', SETTLED],
    ],
    ['online.unsubscribing.waiting', granted, 'online.unsubscribing.waiting', []],
    ['online.unsubscribing.waiting', failure, 'online.unanswered', ['stop unsubscriber', UNANSWERED]],
    ['online.unsubscribing.waiting', overdue('unsubscribing'), 'online.unsubscribing.overdue', SECOND_LOOK],
    [
      'online.unsubscribing.overdue',
      released,
      'online.settled',
      ['emit filter.released', 'stop unsubscriber', SETTLED],
    ],
    ['online.unsubscribing.overdue', failure, 'online.unanswered', ['stop unsubscriber', UNANSWERED]],
    [
      'online.unsubscribing.overdue',
      late('unsubscribing'),
      'online.unanswered',
      ['stop unsubscriber', UNANSWERED],
    ],
    ['online.unsubscribing.overdue', ended, 'offline', ['stop unsubscriber']],
    ['online.unsubscribing.waiting', poisoned, 'online.unsubscribing.waiting', []],
    ['online.unsubscribing.waiting', ended, 'offline', ['stop unsubscriber']],
    [
      'online.unsubscribing.waiting',
      begun,
      'online.settled',
      ['emit filter.released', 'stop unsubscriber', SETTLED],
    ],
    ['online.unanswered', subscribe, 'online.unanswered', []],
    ['online.unanswered', granted, 'online.unanswered', []],
    ['online.unanswered', ended, 'offline', []],
  ] as const)('%s, %o', (from, given, to, effects) => {
    const reached = step(afterEvents(PLACES[from]).snapshot, given);
    expect(reached.place).toBe(to);
    // Which is done first, telling the answer or stopping who brought it, is of no meaning.
    expect([...reached.effects].sort()).toEqual([...effects].sort());
  });
});
