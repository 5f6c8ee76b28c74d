import { describe, expect, it } from 'vitest';

import type { AuthorizeRequest } from '../../src/local/index.ts';
import { closed, connectPlain, dial, failure, messages, startCore } from './support.ts';

/** A core whose policy denies what this matches. */
function denying({ action, topic }: Partial<AuthorizeRequest>) {
  return startCore({
    authorize: (request) =>
      request.action !== action || (topic !== undefined && !request.topic?.startsWith(topic)),
  });
}

const warning = (message: RegExp) => ({
  code: 'REFUSED',
  clientId: 'lamp',
  message: expect.stringMatching(message),
});

describe('what authorize denies', () => {
  it('to connect: the CONNACK refuses it', async () => {
    const core = await denying({ action: 'connect' });
    expect(await failure(dial(core, 'lamp'))).toMatchObject({ code: 5 });
    expect(core.warnings).toMatchObject([warning(/^client "lamp" may not connect, says authorize/)]);
  });

  it('to publish: its connection is closed', async () => {
    const core = await denying({ action: 'publish', topic: 'secret' });
    const lamp = await connectPlain(core, 'lamp');
    const over = closed(lamp);
    lamp.publish('secret/plan', 'x', { qos: 1 });
    await over;
    expect(core.warnings).toMatchObject([
      warning(/^client "lamp" may not publish "secret\/plan", says authorize; its connection is closed/),
    ]);
    expect(core.received).toEqual([]);
  });

  it('to subscribe: the SUBACK refuses that filter', async () => {
    const core = await denying({ action: 'subscribe', topic: 'secret' });
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync(['open', 'secret/#']).catch(() => {});
    expect(core.tap.packets({ packet: 'suback' })).toMatchObject([{ codes: [0, 0x80] }]);
    expect(core.warnings).toMatchObject([
      warning(/^client "lamp" may not subscribe "secret\/#", says authorize; the SUBACK refuses it/),
    ]);
  });

  it.each([0, 1] as const)(
    'to receive with QoS %i: the message is not delivered, and others are',
    async (qos) => {
      const core = await denying({ action: 'receive', topic: 'news/secret' });
      const lamp = await connectPlain(core, 'lamp');
      await lamp.subscribeAsync('news/#', { qos });
      const arrived = messages(lamp, 2);
      for (const topic of ['news/a', 'news/secret', 'news/b']) await core.publish(topic, 'x', { qos });
      expect(await arrived).toEqual(['news/a=x', 'news/b=x']);
      expect(core.warnings).toMatchObject([
        warning(
          /^client "lamp" may not receive "news\/secret", says authorize; the message is not delivered/,
        ),
      ]);
    },
  );

  it('to receive of what is retained, and of what a session kept', async () => {
    const core = await denying({ action: 'receive', topic: 'secret' });
    await core.publish('secret', 'retained', { qos: 1, retain: true });
    const first = await connectPlain(core, 'lamp', { clean: false });
    await first.subscribeAsync(['secret', 'open'], { qos: 1 });
    await first.endAsync();
    await core.when(() => core.clients.length === 0);
    await core.publish('secret', 'kept', { qos: 1 });
    await core.publish('open', 'kept', { qos: 1 });
    expect(await messages(dial(core, 'lamp', { clean: false, resubscribe: false }), 1)).toEqual([
      'open=kept',
    ]);
    expect(core.tap.packets({ direction: 'toClient', topic: 'secret' })).toEqual([]);
  });

  it('is asked for each with the client id, the action and the topic', async () => {
    const asked: string[] = [];
    const core = await startCore({
      authorize: ({ clientId, action, topic }) => {
        asked.push(`${clientId} ${action} ${topic}`);
        return true;
      },
    });
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync('own/+');
    const arrived = messages(lamp, 1);
    await lamp.publishAsync('own/a', 'x', { qos: 1 });
    await arrived;
    expect(asked).toEqual([
      'lamp connect undefined',
      'lamp subscribe own/+',
      'lamp publish own/a',
      'lamp receive own/a',
    ]);
    expect(core.warnings).toEqual([]);
  });
});

it('sec:S-17 says the names of a stranger so that they steer no terminal', async () => {
  const core = await denying({ action: 'subscribe' });
  const client = await connectPlain(core, 'a\u009b2Jb');
  await client.subscribeAsync('x/\u202ey\u009b31m').catch(() => {});
  expect(core.warnings.map(({ message }) => message)).toEqual([
    'client "a\\u{9b}2Jb" may not subscribe "x/\\u{202e}y\\u{9b}31m", says authorize; the SUBACK refuses it',
  ]);
});

it.each<[string, () => unknown, RegExp]>([
  [
    'throws',
    () => {
      throw new TypeError('no rule');
    },
    /^client "lamp" may not subscribe "a": authorize threw "no rule"; the SUBACK refuses it$/,
  ],
  [
    'gives a promise',
    async () => true,
    /^client "lamp" may not subscribe "a": authorize gave a Promise instead of true or false; /,
  ],
  ['gives nothing', () => undefined, /^client "lamp" may not subscribe "a": authorize gave undefined /],
])('an authorize that %s denies', async (_, answer, said) => {
  const core = await startCore({
    authorize: ({ action }) => action !== 'subscribe' || (answer() as boolean),
  });
  const lamp = await connectPlain(core, 'lamp');
  await lamp.subscribeAsync('a').catch(() => {});
  expect(core.tap.packets({ packet: 'suback' })).toMatchObject([{ codes: [0x80] }]);
  expect(core.warnings).toMatchObject([warning(said)]);
});
