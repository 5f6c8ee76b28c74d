import { describe, expect, test } from 'vitest';
import { grant, refuse, settled, useSubscriptions } from './subscriptions-world.ts';
import { error } from './support.ts';

const run = useSubscriptions();

describe('subscribing', () => {
  test('what is wanted is asked for, granted, told and settled', async () => {
    const it = run();
    it.begin();
    expect(it.told).toEqual(['subscriptions.settled']);
    it.subscribe('a', 1);
    it.subscribe('b');
    await it.broker.last.answer();
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:1', 'SUB b:0']);
    expect(it.told.slice(1)).toEqual(['filter.granted a 1', 'filter.granted b 0', 'subscriptions.settled']);
  });

  test('py:D8 20 filters take SUBSCRIBEs of 8, 8 and 4, one after the other', async () => {
    const it = run();
    for (let n = 0; n < 20; n++) it.subscribe(`f${n}`);
    it.begin();
    expect(it.broker.asked).toHaveLength(1);
    for (let n = 0; n < 3; n++) await it.broker.last.answer();
    expect(it.broker.asked.map(({ requests }) => requests.length)).toEqual([8, 8, 4]);
    expect(it.told.at(-1)).toBe('subscriptions.settled');
    expect(
      new Set(it.broker.asked.flatMap(({ requests }) => requests.map(({ filter }) => filter))).size,
    ).toBe(20);
  });

  test('two holders are one subscription; the second is told at once', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.subscribe('a');
    expect(it.broker.packets).toEqual(['SUB a:0']);
    expect(it.told.filter((fact) => fact === 'filter.granted a 0')).toHaveLength(2);
    it.unsubscribe('a');
    expect(it.broker.packets).toEqual(['SUB a:0']);
    it.unsubscribe('a');
    expect(it.broker.packets).toEqual(['SUB a:0', 'UNSUB a']);
  });

  test('py:S24 a higher QoS is asked for again, a lower one is not', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 0);
    await it.broker.last.answer();
    it.subscribe('a', 1);
    await it.broker.last.answer();
    it.subscribe('a', 0);
    expect(it.broker.packets).toEqual(['SUB a:0', 'SUB a:1']);
    expect(it.told.at(-2)).toBe('filter.granted a 1');
    it.end();
    it.begin();
    expect(it.broker.packets.at(-1)).toBe('SUB a:1');
  });

  test('a QoS that is raised while the SUBSCRIBE is out: only the second answer counts', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 0);
    it.subscribe('a', 1);
    await it.broker.last.answer();
    expect(it.told).toEqual(['subscriptions.settled']);
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:0', 'SUB a:1']);
    expect(it.told.slice(1)).toEqual(['filter.granted a 1', 'subscriptions.settled']);
  });

  test('fault:B-6 a lower QoS than asked is granted as what it is, and not asked for again', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1);
    await it.broker.last.answer([{ filter: 'a', grantedQos: 0 }]);
    expect(it.told.slice(1)).toEqual(['filter.granted a 0', 'subscriptions.settled']);
    expect(it.broker.packets).toHaveLength(1);
  });

  test('py:S5 fault:B-6 a refused filter is not kept, whoever held it; the others are granted', async () => {
    const it = run();
    for (const filter of ['a', 'b', 'b', 'c']) it.subscribe(filter);
    it.begin();
    await it.broker.last.answer([
      grant({ filter: 'a', qos: 0 }),
      refuse('b'),
      grant({ filter: 'c', qos: 0 }),
    ]);
    expect(it.told).toEqual([
      'filter.granted a 0',
      'filter.refused b',
      'filter.granted c 0',
      'subscriptions.settled',
    ]);
    expect(Object.keys(it.wanted)).toEqual(['a', 'c']);
    it.unsubscribe('b');
    it.unsubscribe('b');
    it.end();
    it.begin();
    expect(it.broker.packets.at(-1)).toBe('SUB a:0 c:0');
    it.subscribe('b');
    expect(it.wanted['b']).toMatchObject({ references: 1 });
  });

  test('fault:B-6 no SUBACK in time: the line is called sick, once', () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.clock.advance(4_999);
    expect(it.place).toBe('online.subscribing.waiting');
    it.clock.advance(50);
    expect(it.place).toBe('online.subscribing.overdue');
    it.clock.advance(60_000);
    expect(it.place).toBe('online.unanswered');
    expect(it.facts.slice(1)).toMatchObject([
      { type: 'subscriptions.unanswered', error: { code: 'OPERATION_TIMEOUT' } },
    ]);
  });

  test('fault:B-6 a SUBACK with too few, too many or other answers is a protocol error', async () => {
    for (const answers of [[], [refuse('b')], [refuse('a'), refuse('a')]]) {
      const it = run();
      it.begin();
      it.subscribe('a');
      await it.broker.last.answer(answers);
      expect(it.place).toBe('online.unanswered');
      expect(it.facts.at(-1)).toMatchObject({ error: { code: 'PROTOCOL_ERROR', recovery: 'retry' } });
      expect(it.broker.asked).toHaveLength(1);
    }
  });

  test('a SUBSCRIBE that fails, whatever the reason, ends the line and never the device', async () => {
    for (const reason of [
      error('CONNECTION_LOST'),
      error('NOT_CONNECTED'),
      error('CLOSED'),
      new Error('x'),
      'x',
    ]) {
      const it = run();
      it.begin();
      it.subscribe('a');
      await it.broker.last.fail(reason);
      expect(it.facts.at(-1)).toMatchObject({
        type: 'subscriptions.unanswered',
        error: { recovery: 'retry' },
      });
    }
  });

  test('a wire that throws or is gone ends the line', () => {
    for (const wire of [undefined, { subscribe: boom, unsubscribe: boom }]) {
      const it = run();
      it.world.wire = wire;
      it.begin();
      it.subscribe('a');
      expect(it.facts.at(-1)).toMatchObject({
        type: 'subscriptions.unanswered',
        error: { recovery: 'retry' },
      });
      it.end();
      it.subscribe('b');
      it.unsubscribe('a');
      it.begin(true);
      expect(it.actor.getSnapshot().status).toBe('active');
    }
  });
});

describe('unsubscribing', () => {
  test('py:S2 of two filters the other one stays, with its QoS', async () => {
    const it = run();
    it.broker.answersAtOnce = true;
    it.begin();
    it.subscribe('t1', 1);
    it.subscribe('t2', 0);
    await settled(() => it.unsubscribe('t1'));
    await settled(() => {});
    await settled(() => {});
    expect(Object.keys(it.wanted)).toEqual(['t2']);
    expect(it.wanted['t2']).toMatchObject({ qos: 0, references: 1, grantedQos: 0 });
    expect(it.broker.packets).toContain('UNSUB t1');
    expect(it.told).toContain('filter.released t1');
  });

  test('while the SUBSCRIBE is out: is asked for after its answer, and told released and never granted', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.unsubscribe('a');
    await it.broker.last.answer();
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:0', 'UNSUB a']);
    expect(it.told.slice(1)).toEqual(['filter.released a', 'subscriptions.settled']);
  });

  test('subscribing again while the UNSUBSCRIBE is out: is asked for again after its answer', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.unsubscribe('a');
    it.subscribe('a', 1);
    await it.broker.last.answer();
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:0', 'UNSUB a', 'SUB a:1']);
    expect(it.told.slice(-2)).toEqual(['filter.granted a 1', 'subscriptions.settled']);
    expect(it.wanted).toEqual({
      a: { qos: 1, options: {}, references: 1, grantedQos: 1, isAtBroker: true },
    });
  });

  test("changing one's mind twice while the SUBSCRIBE is out", async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.unsubscribe('a');
    it.subscribe('a');
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:0']);
    expect(it.told.slice(1)).toEqual(['filter.granted a 0', 'subscriptions.settled']);
  });

  test.each([
    ['kept', true, ['SUB a:0', 'SUB a:0', 'UNSUB a']],
    ['new', false, ['SUB a:0', 'SUB a:0']],
  ])(
    'a filter whose SUBACK was lost, refused in a session that is %s, is left at no broker that may have it',
    async (_which, sessionPresent, packets) => {
      const it = run();
      it.begin();
      it.subscribe('a');
      it.end();
      it.begin(sessionPresent);
      await it.broker.last.answer([refuse('a')]);
      expect(it.broker.packets).toEqual(packets);
    },
  );

  test('a filter that was given back without a line, wanted again and refused, is left at no broker', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.end();
    it.unsubscribe('a');
    it.subscribe('a', 1);
    it.begin(true);
    await it.broker.last.answer([refuse('a')]);
    expect(it.broker.packets).toEqual(['SUB a:0', 'SUB a:1', 'UNSUB a']);
  });

  test('fault:B-7 no UNSUBACK in time: the line is called sick, and it is asked for again', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.unsubscribe('a');
    it.clock.advance(5_050);
    expect(it.told.at(-1)).toBe('subscriptions.unanswered');
    it.end();
    it.begin(true);
    expect(it.broker.packets).toEqual(['SUB a:0', 'UNSUB a', 'UNSUB a']);
  });

  test('many are UNSUBSCRIBEs of 8', async () => {
    const it = run();
    it.broker.answersAtOnce = true;
    for (let n = 0; n < 20; n++) it.subscribe(`f${n}`);
    it.begin();
    await drained();
    it.end();
    for (let n = 0; n < 20; n++) it.unsubscribe(`f${n}`);
    it.begin(true);
    await drained();
    expect(it.broker.packets.slice(3).map((packet) => packet.split(' ').length - 1)).toEqual([8, 8, 4]);
  });

  test('fault:G-6 what nobody here holds: an earlier process may have asked for it, so the broker is asked to forget it', async () => {
    const it = run();
    it.begin(true);
    it.unsubscribe('of an earlier process');
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['UNSUB of an earlier process']);
    expect(it.told.slice(-2)).toEqual(['filter.released of an earlier process', 'subscriptions.settled']);
    expect(it.actor.getSnapshot().context.unwanted.size).toBe(0);
  });
});

describe('sessions', () => {
  test('py:S9 after an end and a beginning all are asked for again, in the order in which they were wanted', async () => {
    const it = run();
    it.begin();
    it.subscribe('b');
    await it.broker.last.answer();
    it.subscribe('a', 1);
    await it.broker.last.answer();
    it.end();
    it.begin();
    expect(it.broker.packets.at(-1)).toBe('SUB b:0 a:1');
  });

  test('a session that the broker kept is not asked for again, and its grants are told', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1);
    await it.broker.last.answer();
    it.end();
    it.subscribe('a');
    it.subscribe('b');
    expect(it.told.filter((fact) => fact.startsWith('filter.granted'))).toHaveLength(1);
    it.begin(true);
    expect(it.told.at(-1)).toBe('filter.granted a 1');
    expect(it.broker.packets).toEqual(['SUB a:1', 'SUB b:0']);
  });

  test('offline nothing is granted, also not what was granted before', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.end();
    const before = it.told.length;
    it.subscribe('a');
    expect(it.told).toHaveLength(before);
  });

  test('py:S11 unsubscribed offline: never asked for again, and with a kept session unsubscribed', async () => {
    for (const kept of [true, false]) {
      const it = run();
      it.begin();
      it.subscribe('A');
      await it.broker.last.answer();
      it.end();
      it.unsubscribe('A');
      it.subscribe('B');
      it.begin(kept);
      it.broker.answersAtOnce = true;
      await it.broker.last.answer();
      await drained();
      expect(it.broker.packets.slice(1)).toEqual(kept ? ['UNSUB A', 'SUB B:0'] : ['SUB B:0']);
      expect(it.told.filter((fact) => fact === 'filter.released A')).toHaveLength(1);
    }
  });

  test('an answer of a session that has ended means nothing to the next one', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    const old = it.broker.last;
    it.end();
    it.begin();
    await old.answer();
    expect(it.place).toBe('online.subscribing.waiting');
    expect(it.told).toEqual(['subscriptions.settled']);
    await it.broker.last.answer();
    expect(it.told.slice(1)).toEqual(['filter.granted a 0', 'subscriptions.settled']);
  });

  test('a new session without the end of the old one begins anew', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.begin();
    expect(it.broker.packets).toEqual(['SUB a:0', 'SUB a:0']);
    await it.broker.last.answer();
    expect(it.place).toBe('online.settled');
  });

  test('wishes made in every state are kept', async () => {
    const it = run();
    it.subscribe('offline');
    it.begin();
    it.subscribe('subscribing');
    await it.broker.last.answer();
    await it.broker.last.answer();
    it.unsubscribe('offline');
    it.subscribe('unsubscribing');
    await it.broker.last.answer();
    it.clock.advance(5_050);
    expect(it.place).toBe('online.unanswered');
    it.subscribe('unanswered');
    expect(Object.keys(it.wanted)).toEqual(['subscribing', 'unsubscribing', 'unanswered']);
  });
});

test('1,000 filters are asked for in 125 SUBSCRIBEs', async () => {
  const it = run();
  it.broker.answersAtOnce = true;
  for (let n = 0; n < 1_000; n++) it.subscribe(`f${n}`);
  it.begin();
  while (it.place !== 'online.settled') await drained();
  expect(it.broker.asked).toHaveLength(125);
});

async function drained(turns = 100): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
}

function boom(): never {
  throw new Error('boom');
}
