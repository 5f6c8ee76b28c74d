import { describe, expect, it } from 'vitest';
import type { Authentication, OpenStream, SignInContext } from '../../src/adapters/authentication.ts';
import { plainTcp } from '../../src/adapters/plain-tcp.ts';
import { clientOf, freshId, useCore } from './support.ts';

const theCore = useCore();

/** A sign-in whose lines may last for so long, as those of a WebSocket and of temporary credentials do. */
class ShortLived implements Authentication {
  readonly kind = 'plainTcp';
  attempts = 0;
  readonly #plain = plainTcp();
  readonly #lifetimeMs: number;

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  defaultPort(): number {
    return this.#plain.defaultPort();
  }

  validate(): void {}

  async signIn(context: SignInContext): Promise<OpenStream> {
    this.attempts += 1;
    const open = await this.#plain.signIn(context);
    return async (signal) => ({ ...(await open(signal)), lifetimeMs: () => this.#lifetimeMs });
  }
}

describe('fault:C-11 a line whose time is over', () => {
  it('is renewed in a planned way: with a DISCONNECT, without a Will, and nothing is lost or comes twice', async () => {
    const core = theCore();
    const clientId = freshId();
    const topic = `renewed/${clientId}`;
    const auth = new ShortLived(40);
    const client = clientOf(core, {
      clientId,
      auth,
      will: { topic: `gone/${clientId}`, payload: 'gone' },
      offlineQueue: { maxMessages: 1_000, drain: { perSecond: Number.POSITIVE_INFINITY } },
    });
    const reasons: unknown[] = [];
    client.on('status', (status) => 'reason' in status && reasons.push(status.reason));
    await client.connect();
    const deliveries: Promise<unknown>[] = [];
    for (let number = 0; auth.attempts < 6; number++) {
      const receipt = await client.publish(topic, String(number), { qos: 1 });
      deliveries.push(receipt.delivered);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(deliveries);
    await client.close();
    const received = core.received.filter((message) => message.topic === topic);
    expect(received.map(({ payload }) => Number(payload.toString()))).toEqual([...deliveries.keys()]);
    expect(core.received.some((message) => message.topic === `gone/${clientId}`)).toBe(false);
    const sent = core.tap.packets({ direction: 'toBroker', clientId });
    expect(sent.filter(({ packet }) => packet === 'disconnect').length).toBeGreaterThanOrEqual(6);
    expect(reasons.filter((reason) => reason !== undefined)).toEqual([]);
  });
});
