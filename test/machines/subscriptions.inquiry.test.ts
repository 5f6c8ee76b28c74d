import { describe, expect, test } from 'vitest';
import type { SubscriptionOptions } from '../../src/protocol/message.ts';
import { refuse, useSubscriptions } from './subscriptions-world.ts';

const run = useSubscriptions();

describe('a process that was blocked for longer than an answer may take', () => {
  test('fault:E-8 reads a SUBACK that came meanwhile before it calls the line sick', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    // So an event loop goes on: first the timer that is due, then what the socket has.
    it.clock.advance(5_000);
    expect(it.place).toBe('online.subscribing.overdue');
    await it.broker.last.answer();
    expect(it.place).toBe('online.settled');
    it.clock.advance(60_000);
    expect(it.told.slice(1)).toEqual(['filter.granted a 0', 'subscriptions.settled']);
  });

  test('fault:E-8 reads an UNSUBACK that came meanwhile before it calls the line sick', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.unsubscribe('a');
    it.clock.advance(5_000);
    expect(it.place).toBe('online.unsubscribing.overdue');
    await it.broker.last.answer();
    it.clock.advance(60_000);
    expect(it.told.slice(-2)).toEqual(['filter.released a', 'subscriptions.settled']);
    expect(it.told).not.toContain('subscriptions.unanswered');
  });

  test('the second look is short: a broker that answers nothing is given up within 50 ms more', () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.clock.advance(5_049);
    expect(it.place).toBe('online.subscribing.overdue');
    it.clock.advance(1);
    expect(it.place).toBe('online.unanswered');
  });

  test('the next question has its whole time again', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.subscribe('b');
    it.clock.advance(5_000);
    await it.broker.last.answer();
    it.clock.advance(4_999);
    expect(it.place).toBe('online.subscribing.waiting');
    await it.broker.last.answer();
    expect(it.place).toBe('online.settled');
  });
});

describe('what a subscription asks for beside the QoS', () => {
  test('is asked of the broker', () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1, { noLocal: true, retainHandling: 2 });
    expect(it.broker.last.requests).toEqual([{ filter: 'a', qos: 1, noLocal: true, retainHandling: 2 }]);
  });

  test('the newest holder has its way: what it asks for is asked again, of the same filter', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1, { noLocal: true });
    await it.broker.last.answer();
    it.subscribe('a', 0, { retainAsPublished: true });
    await it.broker.last.answer();
    it.subscribe('a', 0);
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:1+noLocal', 'SUB a:1+retainAsPublished', 'SUB a:1']);
    expect(it.told.filter((fact) => fact === 'filter.granted a 1')).toHaveLength(3);
    expect(it.wanted['a']).toEqual({
      qos: 1,
      options: {},
      references: 3,
      grantedQos: 1,
      isAtBroker: true,
    });
  });

  test('each of the three, when it changes, is asked again; what says nothing means the default', async () => {
    const changes: [SubscriptionOptions, SubscriptionOptions, boolean][] = [
      [{}, { noLocal: false, retainAsPublished: false, retainHandling: 0 }, false],
      [{ noLocal: true }, { noLocal: true }, false],
      [{}, { noLocal: true }, true],
      [{ retainAsPublished: true }, {}, true],
      [{ retainHandling: 1 }, { retainHandling: 2 }, true],
      [{ retainHandling: 0 }, { retainHandling: 1 }, true],
    ];
    for (const [first, second, isAskedAgain] of changes) {
      const it = run();
      it.begin();
      it.subscribe('a', 1, first);
      await it.broker.last.answer();
      it.subscribe('a', 1, second);
      expect(it.broker.asked, JSON.stringify([first, second])).toHaveLength(isAskedAgain ? 2 : 1);
    }
  });

  test('changed while the SUBSCRIBE is out: only the second answer counts, also a refusal', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1);
    it.subscribe('a', 1, { noLocal: true });
    await it.broker.last.answer([refuse('a')]);
    expect(it.told).toEqual(['subscriptions.settled']);
    await it.broker.last.answer();
    expect(it.told.slice(1)).toEqual(['filter.granted a 1', 'subscriptions.settled']);
    expect(it.broker.packets).toEqual(['SUB a:1', 'SUB a:1+noLocal']);
  });

  test('changed offline: a session that the broker kept is asked again all the same', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1);
    await it.broker.last.answer();
    it.end();
    it.subscribe('a', 1, { noLocal: true });
    it.begin(true);
    expect(it.broker.packets).toEqual(['SUB a:1', 'SUB a:1+noLocal']);
  });
});

describe('a filter over which the broker closes the line', () => {
  test('is wanted by nobody any more, however many held it, and is not asked for again', async () => {
    const it = run();
    for (const filter of ['a', 'bad', 'bad']) it.subscribe(filter);
    it.begin();
    it.poison('bad');
    expect(it.facts).toMatchObject([
      { type: 'filter.refused', filter: 'bad', error: { code: 'POISON_SUBSCRIPTION' } },
    ]);
    it.end();
    it.begin();
    expect(it.broker.packets).toEqual(['SUB a:0 bad:0', 'SUB a:0']);
    await it.broker.last.answer();
    expect(it.told.at(-1)).toBe('subscriptions.settled');
  });

  test('that was granted all the same meanwhile is told refused, and nothing else', async () => {
    const it = run();
    it.begin();
    it.subscribe('bad');
    it.poison('bad');
    await it.broker.last.answer();
    expect(it.told.slice(1)).toEqual(['filter.refused bad', 'subscriptions.settled']);
  });

  test('may be asked for anew: then it begins anew', () => {
    const it = run();
    it.subscribe('bad');
    it.poison('bad');
    it.poison('bad');
    expect(it.told).toEqual(['filter.refused bad']);
    it.subscribe('bad');
    expect(it.wanted['bad']).toMatchObject({ references: 1 });
  });
});

describe('a session in which it has to be found out which filter closes the line', () => {
  test('asks for no more filters at a time than it was told, and the next one for 8 again', async () => {
    const it = run();
    for (let n = 0; n < 10; n++) it.subscribe(`f${n}`);
    it.begin(false, 4);
    for (let n = 0; n < 3; n++) await it.broker.last.answer();
    expect(it.broker.asked.map(({ requests }) => requests.length)).toEqual([4, 4, 2]);
    it.end();
    it.begin();
    expect(it.broker.last.requests).toHaveLength(8);
  });

  test('an UNSUBSCRIBE may have 8 all the same', async () => {
    const it = run();
    for (let n = 0; n < 8; n++) it.subscribe(`f${n}`);
    it.begin();
    await it.broker.last.answer();
    it.end();
    for (let n = 0; n < 8; n++) it.unsubscribe(`f${n}`);
    it.begin(true, 1);
    expect(it.broker.packets.at(-1)?.split(' ')).toHaveLength(9);
  });
});
