import { describe, expect, it } from 'vitest';
import type { IotClient, PublishReceipt } from '../../src/index.ts';
import type { LocalIotCore } from '../../src/local/index.ts';
import { checkHistory, cleanHistory, type HistoryLine } from '../../src/testing/history-checker.ts';
import { clientOf, freshId, liveClient, useCore } from './support.ts';

const theCore = useCore();

/** What happens to the messages of one sender, in the order in which it happens. A message is known by its topic. */
class History {
  readonly lines: HistoryLine[] = [];

  note(op: Exclude<HistoryLine['op'], 'rejected'>, id: string): void {
    this.lines.push({ t: this.lines.length, op, id });
  }

  /** Publishes, and notes what the sender is told. */
  async publish(client: IotClient, id: string): Promise<PublishReceipt> {
    this.note('accepted', id);
    const receipt = await client.publish(id, id, { qos: 1 });
    if (receipt.state === 'queued') this.note('queued', id);
    receipt.delivered.then(
      () => this.note('delivered', id),
      () => this.lines.push({ t: this.lines.length, op: 'rejected', id }),
    );
    return receipt;
  }

  /** Notes each write of the sender as the broker's side of the line sees it. */
  watch(core: LocalIotCore, clientId: string): () => void {
    return core.tap.on(({ packet, direction, clientId: from, topic, fate }) => {
      if (packet === 'publish' && direction === 'toBroker' && from === clientId && fate === 'passed')
        this.note('written', topic ?? '');
    });
  }
}

describe('the proof', () => {
  it('five cuts and a restart of the broker under 200 QoS 1 publishes: all arrive at a second client, in order', async () => {
    const core = theCore();
    const [senderId, receiverId] = [freshId(), freshId()];
    const history = new History();
    const arrived = new Set<string>();
    const receiver = await liveClient(core, { clientId: receiverId, tls: true, session: 'persistent' });
    await receiver.subscribe(`${senderId}/+`, { qos: 1 }, ({ topic }) => {
      // On its own leg the broker may send a message again; the order is that of the first receipt.
      if (!arrived.has(topic)) history.note('received', topic);
      arrived.add(topic);
    });
    const sender = await liveClient(core, {
      clientId: senderId,
      tls: true,
      offlineQueue: { maxMessages: Infinity, drain: { perSecond: 1_000 } },
    });
    const stopWatching = history.watch(core, senderId);
    const lines = (): number =>
      core.tap.packets({ packet: 'connack', direction: 'toClient', clientId: senderId }).length;
    const written = (): number => history.lines.filter(({ op }) => op === 'written').length;

    const receipts: PublishReceipt[] = [];
    const publishing = (async () => {
      const open: Promise<PublishReceipt>[] = [];
      for (let number = 0; number < 200; number++) {
        open.push(history.publish(sender, `${senderId}/${number}`));
        // A window of ten, so that the cuts come while it publishes, and some are on the wire at each.
        if (open.length === 10) receipts.push(...(await Promise.all(open.splice(0))));
      }
      receipts.push(...(await Promise.all(open)));
    })();
    for (const after of [15, 45, 75, 105, 135]) {
      await core.when(() => written() >= after);
      const before = lines();
      await core.faults.dropConnections({ clientId: senderId });
      await core.when(() => lines() > before);
    }
    await core.when(() => written() >= 160);
    // The sender comes back only when the receiver has what the broker kept for it: aedes mixes that with what is new.
    const held = core.tap.hold({ packet: 'connect', clientId: senderId });
    const lost = receiver.when('backingOff');
    await core.restart();
    await Promise.all([lost.then(() => receiver.when('live')), held.caught()]);
    const fromSender = (): readonly { topic: string }[] =>
      core.received.filter((one) => one.clientId === senderId);
    await core.when(() => fromSender().every(({ topic }) => arrived.has(topic)));
    held.release();

    await publishing;
    await Promise.all(receipts.map(({ delivered }) => delivered));
    await core.when(() => arrived.size === 200);
    stopWatching();
    expect(lines()).toBe(7);
    expect(history.lines.filter(({ op }) => op === 'queued').length).toBeGreaterThan(0);
    expect(checkHistory(history.lines)).toEqual(cleanHistory);

    // The same, judged where the messages enter the broker: no more often than they were written, and in order.
    const entered = fromSender().map(({ topic }, t): HistoryLine => ({ t, op: 'received', id: topic }));
    const told = history.lines.filter(({ op }) => op !== 'received');
    expect(checkHistory([...told, ...entered], { allowResends: true })).toEqual(cleanHistory);
  });

  it('a burst of 1,000 QoS 1 publishes on a live line, with the default queue: 1,000 delivered', async () => {
    const core = theCore();
    const clientId = freshId();
    const history = new History();
    const client = await liveClient(core, { clientId, tls: true });
    const stopWatching = history.watch(core, clientId);
    const calls = Array.from({ length: 1_000 }, (_, number) =>
      history.publish(client, `${clientId}/${number}`),
    );
    const receipts = await Promise.all(calls);
    expect(receipts.every(({ state }) => state === 'delivered')).toBe(true);
    expect(client.status).toMatchObject({ state: 'live', queued: 0, inFlight: 0 });
    stopWatching();
    const entered = core.received.filter((one) => one.clientId === clientId);
    expect(entered).toHaveLength(1_000);
    for (const { topic } of entered) history.note('received', topic);
    expect(checkHistory(history.lines)).toEqual(cleanHistory);
  });

  it('and the judge can say no: a lost, a doubled and a swapped message are found', async () => {
    const core = theCore();
    const clientId = freshId();
    const history = new History();
    const client = clientOf(core, { clientId, offlineQueue: { drain: { perSecond: Infinity } } });
    const receipts: PublishReceipt[] = [];
    for (const name of ['a', 'b', 'c']) receipts.push(await history.publish(client, `${clientId}/${name}`));
    await client.connect();
    await Promise.all(receipts.map(({ delivered }) => delivered));
    for (const name of ['c', 'b', 'b']) history.note('received', `${clientId}/${name}`);
    const report = checkHistory(history.lines);
    expect(report.lost).toEqual([`${clientId}/a`]);
    expect(report.duplicated).toMatchObject([{ id: `${clientId}/b` }]);
    expect(report.reordered).not.toEqual([]);
  });
});
