import { describe, expect, test } from 'vitest';
import type { EventObject } from 'xstate';
import { Handle, type ShadowOperationPorts, shadowOperationMachine } from '../../src/machines/index.ts';
import { pure } from './pure.ts';
import { accepted, rejected } from './shadow-operation-world.ts';
import { error } from './support.ts';

describe('one step', () => {
  const none = (): (() => void) => () => undefined;
  const ports = new Handle<ShadowOperationPorts>({
    watchLine: none,
    takeSlot: none,
    listen: none,
    publish: none,
    onReleased: none,
    random: () => 0,
  });
  const event = (type: string, more: object = {}): EventObject => ({ type, ...more });
  const up = event('line.up');
  const lost = event('line.lost');
  const slot = event('slot.taken');
  const granted = event('topics.granted');
  const sent = event('request.sent');
  const abort = event('abort', { error: error('ABORTED') });
  const refused = event('topics.refused', { error: error('SUBSCRIPTION_REFUSED') });
  const unsendable = event('request.failed', { error: error('CLOSED') });
  const uncorrelated = event('response.uncorrelated', { error: error('SHADOW_REJECTED') });
  const broken = event('actor.failed', { error: error('INTERNAL') });
  const thrown = event('xstate.error.actor.slot', { error: new Error('test') });
  const released = event('topics.released');
  const [ok, no, slower] = [accepted(), rejected(400), rejected(429)];
  const SENT = 'shadowOperation.open.engaged.listening.sent';
  const overdue = event(`xstate.after.deadline.${SENT}`);
  const pause = event(`xstate.after.throttle.${SENT}.throttled`);
  const unreleased = event('xstate.after.releaseTimeout.shadowOperation.unsubscribing');

  const toSent = [up, slot, granted, sent];
  const PLACES = {
    waiting: [],
    queueing: [up],
    subscribing: [up, slot],
    publishing: [up, slot, granted],
    pending: toSent,
    throttled: [...toSent, slower],
    republishing: [...toSent, slower, pause],
    unsubscribing: [...toSent, ok],
  };
  const L = 'open.engaged.listening';
  const TOLD = ['emit operation.ended', 'start releaser', 'timer releaseTimeout 30000'];
  const FREED = ['stop line', 'stop listener', 'stop slot'];
  const END = [...FREED, ...TOLD];
  const UN = 'unsubscribing';

  describe.each([false, true])('that waits for a connection: %s', (waitForConnection) => {
    const { step, afterEvents } = pure(shadowOperationMachine, {
      ports,
      kind: 'update',
      waitForConnection,
    });
    const away = (...stopped: string[]) =>
      waitForConnection
        ? (['open.waiting', stopped] as const)
        : ([UN, ['stop line', ...stopped, ...TOLD]] as const);

    test.each([
      ['waiting', up, 'open.engaged.queueing', ['start slot']],
      [
        'waiting',
        lost,
        waitForConnection ? 'open.waiting' : UN,
        waitForConnection ? [] : ['stop line', ...TOLD],
      ],
      ['waiting', ok, 'open.waiting', []],
      ['waiting', abort, UN, ['stop line', ...TOLD]],
      ['waiting', broken, UN, ['stop line', ...TOLD]],
      ['queueing', slot, `${L}.subscribing`, ['start listener']],
      ['queueing', lost, ...away('stop slot')],
      ['queueing', granted, 'open.engaged.queueing', []],
      ['queueing', thrown, UN, ['stop line', 'stop slot', ...TOLD]],
      ['subscribing', granted, `${L}.publishing`, ['start publisher']],
      ['subscribing', refused, UN, END],
      ['subscribing', lost, ...away('stop listener', 'stop slot')],
      ['subscribing', ok, `${L}.subscribing`, []],
      ['subscribing', no, `${L}.subscribing`, []],
      ['subscribing', sent, `${L}.subscribing`, []],
      ['publishing', sent, `${L}.sent.pending`, ['stop publisher', 'timer deadline 5000']],
      ['publishing', unsendable, UN, ['stop publisher', ...END]],
      ['publishing', lost, ...away('stop listener', 'stop publisher', 'stop slot')],
      ['publishing', ok, `${L}.publishing`, []],
      ['publishing', uncorrelated, `${L}.publishing`, []],
      ['publishing', granted, `${L}.publishing`, []],
      ['publishing', abort, UN, ['stop publisher', ...END]],
      ['pending', ok, UN, END],
      ['pending', no, UN, END],
      ['pending', slower, `${L}.sent.throttled`, ['timer throttle 125']],
      ['pending', uncorrelated, `${L}.sent.pending`, []],
      ['pending', overdue, UN, END],
      ['pending', lost, UN, END],
      ['pending', refused, UN, END],
      ['pending', unsendable, UN, END],
      ['pending', granted, `${L}.sent.pending`, []],
      ['pending', sent, `${L}.sent.pending`, []],
      ['pending', up, `${L}.sent.pending`, []],
      ['throttled', pause, `${L}.sent.republishing`, ['start publisher']],
      ['throttled', slower, `${L}.sent.throttled`, []],
      ['throttled', ok, UN, END],
      ['throttled', no, UN, END],
      ['throttled', overdue, UN, END],
      ['throttled', lost, UN, END],
      ['throttled', abort, UN, END],
      ['republishing', sent, `${L}.sent.pending`, ['stop publisher']],
      ['republishing', slower, `${L}.sent.republishing`, []],
      ['republishing', ok, UN, ['stop publisher', ...END]],
      ['republishing', lost, UN, ['stop publisher', ...END]],
      ['republishing', overdue, UN, ['stop publisher', ...END]],
      ['republishing', unsendable, UN, ['stop publisher', ...END]],
      ['unsubscribing', released, 'done', ['stop releaser']],
      ['unsubscribing', unreleased, 'done', ['stop releaser']],
      ['unsubscribing', broken, 'done', ['stop releaser']],
      ['unsubscribing', abort, 'done', ['stop releaser']],
      ['unsubscribing', ok, UN, []],
      ['unsubscribing', lost, UN, []],
    ] as const)('%s, %o', (from, given, to, effects) => {
      const reached = step(afterEvents(PLACES[from]).snapshot, given);
      expect(reached.place).toBe(to);
      // In which order actors are stopped is of no meaning.
      expect([...reached.effects].sort()).toEqual([...effects].sort());
    });
  });
});
