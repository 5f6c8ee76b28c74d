import type { Socket } from 'node:net';
import type { MqttClient } from 'mqtt';

import type { LocalIotCore } from '../../src/local/index.ts';
import { connectPlain } from './support.ts';

const THINGS = '$aws/things/';
/** All that AWS says about any shadow, and no request. */
const FILTERS = ['$aws/things/+/shadow/+/+', '$aws/things/+/shadow/name/+/+/+'];

/** What came on one topic, as its text; times of now are `T`. */
export interface Heard {
  readonly thing: string;
  /** Below the thing's shadow: `update/accepted`, `name/x/get/rejected`. */
  readonly rest: string;
  readonly text: string;
}

/** A raw client that asks for shadows and hears all that is said about them. */
export class ShadowWire {
  readonly client: MqttClient;
  readonly heard: Heard[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(client: MqttClient) {
    this.client = client;
    client.on('message', (topic, payload) => {
      const [thing = '', shadow, ...rest] = topic.slice(THINGS.length).split('/');
      if (shadow !== 'shadow') return;
      const text = payload.toString().replace(/("timestamp":)\d{10}(?!\d)/g, '$1T');
      this.heard.push({ thing, rest: rest.join('/'), text });
      for (const look of this.#waiting) look();
    });
  }

  static async open(core: LocalIotCore, clientId: string, qos: 0 | 1 = 1): Promise<ShadowWire> {
    const client = await connectPlain(core, clientId);
    // Else a request waits until the kernel has an acknowledgement of the PUBACK before it.
    (client.stream as Socket).setNoDelay();
    const wire = new ShadowWire(client);
    await wire.client.subscribeAsync(FILTERS, { qos });
    return wire;
  }

  send(thing: string, request: string, payload: string | Buffer | object): void {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
    this.client.publish(`${THINGS}${thing}/shadow/${request}`, bytes, { qos: 0 });
  }

  /** Asks, and returns what was said about the thing until there was an answer, as `update/accepted {…}`. */
  async ask(thing: string, request: string, payload: string | Buffer | object = ''): Promise<string[]> {
    const already = this.heard.length;
    const fresh = (): Heard[] => this.heard.slice(already).filter((heard) => heard.thing === thing);
    const isAnswer = ({ rest }: Heard): boolean =>
      rest === `${request}/accepted` || rest === `${request}/rejected`;
    this.send(thing, request, payload);
    await this.until(() => fresh().some(isAnswer));
    return fresh().map(({ rest, text }) => `${rest} ${text}`);
  }

  /** The last thing that is said: the answer, read. */
  async answer(thing: string, request: string, payload: string | Buffer | object = ''): Promise<object> {
    const said = await this.ask(thing, request, payload);
    const text = said.at(-1) ?? '';
    return JSON.parse(text.slice(text.indexOf(' ')).replaceAll('"timestamp":T', '"timestamp":0')) as object;
  }

  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isTrue()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}
