// Bytes from the server: a real client on a real socket gets them at each moment of a line's life, cut at random. Afterwards it
// must come back to a broker that behaves, and end as it should.
import fc from 'fast-check';
import { publishesIn, streams } from './packets.mjs';
import { claim, judgeError, judgeText, shownWith, sleep, turn, turns, within } from './judge.mjs';
import { WebSocketDoor } from './web-socket-door.mjs';

/** When the bytes come, and in place of what. */
const MOMENTS = {
  opened: undefined,
  insteadOfConnack: 'connect',
  behindConnack: 'connect',
  insteadOfSuback: 'subscribe',
  insteadOfPuback: 'publish',
};
const STATES = [
  ...['idle', 'connecting', 'resubscribing', 'draining', 'live', 'backingOff', 'disconnecting', 'failed'],
  'closed',
];
const MAXIMUM_PACKET_BYTES = 4_096;
/** How many milliseconds of the client's clock pass in one of ours while it has to wait for the network. */
const HASTE = 10;
/** By the client's clock: three refusals at the slowest pace, and room. */
const COMES_BACK_WITHIN_MS = 120_000;

const cases = fc.constantFrom(4, 5).chain((version) =>
  fc.record({
    version: fc.constant(version),
    way: fc.oneof(
      { weight: 8, arbitrary: fc.constant('tcp') },
      { weight: 1, arbitrary: fc.constantFrom('webSocket', 'frames', 'upgrade') },
    ),
    moment: fc.constantFrom(...Object.keys(MOMENTS)),
    bytes: streams(/** @type {4 | 5} */ (version)),
    cuts: fc.array(fc.integer({ min: 1, max: 64 }), { maxLength: 6 }),
    passMs: fc.constantFrom(0, 0, 0, 6_000, 100_000),
    session: fc.constantFrom('clean', 'persistent'),
    end: fc.constantFrom('stay', 'fin', 'reset'),
  }),
);

/** @param {import('./packages.mjs').Packages} packages @returns {Promise<import('./judge.mjs').Target>} */
export async function openBytes(packages) {
  const door = await WebSocketDoor.open();
  return {
    cases,
    check: (given) => new Line(packages, door, given).run(),
    close: () => door.close(),
  };
}

/** One client, and what it meets. */
class Line {
  /** Calls that have not ended, by name. @type {Map<Promise<unknown>, string>} */
  #open = new Map();
  /** @type {any[]} */
  #messages = [];
  /** @type {string[]} what came to a listener and should not have */
  #wrong = [];
  /** @type {Buffer[]} all that was sent on the first line */
  #sent = [];
  #isOver = false;

  /** @param {import('./packages.mjs').Packages} packages @param {WebSocketDoor} door @param {any} given */
  constructor({ root, testing }, door, given) {
    this.root = root;
    this.testing = testing;
    this.door = door;
    this.given = given;
    this.bytes = Buffer.from(given.bytes, 'hex');
    this.clock = new testing.SimulatedClock();
  }

  async run() {
    const { door } = this;
    const broker = await this.testing.ScriptedBroker.start();
    this.broker = broker;
    door.brokerPort = broker.port;
    this.#plot();
    const client = this.root.createIotClient(this.#options());
    this.client = client;
    this.#listen();
    try {
      await this.#call();
      await this.#suffer();
      await this.#comeBack();
      await this.#close();
      this.#judgeMessages();
    } finally {
      this.#isOver = true;
      client.close().catch(() => {});
      door.hostile = undefined;
      door.cut();
      await broker.stop();
    }
  }

  /** What the server does with the first line. */
  #plot() {
    const { way, moment } = this.given;
    if (way === 'frames' || way === 'upgrade') {
      this.door.hostile = {
        way,
        send: (socket) => {
          void this.#send(
            (bytes) => socket.write(bytes),
            () => socket.destroy(),
          );
        },
      };
      return;
    }
    const suffer = (/** @type {import('aws-iot-machines/testing').BrokerConnection} */ connection) =>
      this.#send(
        (bytes) => connection.raw(bytes),
        (end) => (end === 'fin' ? connection.end() : connection.reset()),
      );
    this.broker.on({ packet: 'open', times: 1 }, ({ connection }) => {
      this.#record(connection.stream);
      return moment === 'opened' ? suffer(connection) : undefined;
    });
    const packet = MOMENTS[/** @type {keyof MOMENTS} */ (moment)];
    if (packet === undefined) return;
    this.broker.on({ packet, times: 1 }, ({ connection }) => {
      if (moment === 'behindConnack') connection.send(this.testing.connack());
      return suffer(connection);
    });
  }

  /** What the broker says by itself may stand in the midst of it. @param {import('node:stream').Duplex} stream */
  #record(stream) {
    const write = stream.write.bind(stream);
    stream.write = (/** @type {any} */ bytes) => {
      this.#sent.push(bytes);
      return write(bytes);
    };
  }

  /** @param {(bytes: Buffer) => void} write @param {(end: 'fin' | 'reset') => void} end */
  async #send(write, end) {
    let at = 0;
    for (const length of this.given.cuts) {
      if (at >= this.bytes.length) break;
      write(this.bytes.subarray(at, at + length));
      at += length;
      await turns(3);
    }
    if (at < this.bytes.length) write(this.bytes.subarray(at));
    await turns(3);
    if (this.given.end !== 'stay') end(this.given.end);
    this.isSent = true;
  }

  #options() {
    const { version, way, session } = this.given;
    const isTcp = way === 'tcp';
    const place = isTcp
      ? this.broker.clientOptions('fuzz')
      : {
          ...{ endpoint: 'localhost', port: this.door.port, clientId: 'fuzz', ca: this.door.ca },
          auth: this.root.customAuthorizer({ name: 'fuzz', webSocket: true }),
        };
    return {
      ...place,
      protocolVersion: version,
      session,
      clock: this.clock,
      random: () => 0.5,
      maximumPacketBytes: MAXIMUM_PACKET_BYTES,
      reconnect: { baseMs: 10, maxMs: 1_000, stableMs: 1_000, jitter: 'none' },
      offlineQueue: { drain: { perSecond: Number.POSITIVE_INFINITY } },
    };
  }

  #listen() {
    const { client } = this;
    client.on('status', (status) =>
      this.#note(() => {
        claim(STATES.includes(status.state), `the status is ${status.state}`);
        if (status.reason !== undefined) judgeError(status.reason, 'the reason of the status');
      }),
    );
    client.on('warning', ({ message }) => this.#note(() => judgeText(message, 'a warning')));
    client.on('subscriptionRefused', ({ error }) =>
      this.#note(() => judgeError(error, 'subscriptionRefused')),
    );
    client.on('handlerError', ({ error }) => this.#wrong.push(`handlerError: ${shownWith(error)}`));
    client.on('message', (message) => this.#messages.push(message));
  }

  /** @param {() => void} judge */
  #note(judge) {
    try {
      judge();
    } catch (error) {
      this.#wrong.push(String(error));
    }
  }

  /** Whatever a call comes to, it ends. @param {Promise<any>} promise @param {string} name */
  #watch(promise, name) {
    const settled = promise.then(
      (value) => {
        if (value?.delivered !== undefined) this.#watch(value.delivered, `${name}.delivered`);
        if (value?.granted !== undefined) this.#watch(value.granted, `${name}.granted`);
      },
      (error) => this.#note(() => judgeError(error, name)),
    );
    const open = settled.then(() => this.#open.delete(open));
    this.#open.set(open, name);
  }

  async #call() {
    const { client } = this;
    this.#watch(client.connect(), 'connect()');
    this.#watch(
      client.subscribe('#', { qos: 1 }, () => {}),
      'subscribe()',
    );
    this.#watch(client.publish('up', 'x', { qos: 1 }), 'publish()');
    this.#watch(client.messages('a/b')[Symbol.asyncIterator]().next(), 'next()');
  }

  /** Until the bytes were sent and have been read. */
  async #suffer() {
    await within(
      this.#until(() => this.isSent === true || this.#hasGivenUp()),
      'the hostile part',
    );
    await turns(5);
    if (this.given.way !== 'tcp') await sleep(2);
    for (let passed = 0; passed < this.given.passMs; passed += 2_000) {
      this.clock.advance(2_000);
      await turns(2);
    }
    await turns(5);
  }

  /** Some moments never come: bytes in place of a SUBACK need a CONNACK, and a line may be over before its last byte. */
  #hasGivenUp() {
    return this.client.status.state === 'failed';
  }

  async #comeBack() {
    const began = this.clock.now();
    const isBack = () => {
      claim(
        this.clock.now() - began < COMES_BACK_WITHIN_MS,
        () => `the client is not back after two minutes: ${JSON.stringify(this.client.status)}`,
      );
      if (this.client.status.state === 'failed') this.#watch(this.client.connect(), 'connect() again');
      return this.client.status.state === 'live';
    };
    this.door.hostile = undefined;
    this.door.cut();
    await this.broker.dropConnections();
    await turns(5);
    await within(this.#until(isBack), 'coming back');
    const receipt = this.client.publish('up', 'again', { qos: 1 });
    this.#watch(receipt, 'publish() again');
    await within(
      this.#until(() => !this.#isWaiting('publish() again')),
      'publish() on the new line',
    );
  }

  /** @param {string} name */
  #isWaiting(name) {
    return [...this.#open.values()].includes(name);
  }

  /** Lets time pass at the client as it is needed, until something holds. @param {() => boolean} isTrue */
  async #until(isTrue) {
    let at = performance.now();
    while (!isTrue()) {
      if (this.#isOver) return;
      await turn();
      if (this.client.status.state === 'backingOff') {
        this.clock.advance(Math.ceil(this.clock.nextIn ?? 0));
        continue;
      }
      // Whole milliseconds: of fractions the sum of two is not always more than each.
      const passed = Math.floor(performance.now() - at);
      this.clock.advance(passed * HASTE);
      at += passed;
    }
  }

  async #close() {
    const closing = this.client.close();
    this.#watch(closing, 'close()');
    await within(
      this.#until(() => !this.#isWaiting('close()')),
      'close()',
    );
    await turns(10);
    claim(this.#open.size === 0, () => `pending after close(): ${[...this.#open.values()].join(', ')}`);
    claim(this.client.status.state === 'closed', 'the client is not closed');
    claim(this.clock.pending === 0, () => `${this.clock.pending} timers run after close()`);
    claim(this.#wrong.length === 0, () => this.#wrong.join('\n'));
  }

  #judgeMessages() {
    for (const message of this.#messages) judgeMessage(message);
    if (this.given.way === 'frames' || this.given.way === 'upgrade') return;
    const sent = publishesIn(Buffer.concat(this.#sent), this.given.version);
    for (const { topic, payload } of this.#messages) {
      const index = sent.findIndex(
        (one) => (one.topic === topic || one.topic === '') && one.payload.equals(payload),
      );
      // What it published itself comes back from a broker that behaves.
      const isOwn = topic === 'up' && /^(x|again)$/.test(Buffer.from(payload).toString());
      claim(
        index >= 0 || isOwn,
        () => `a message came that was not sent: ${topic} ${Buffer.from(payload).toString('hex')}`,
      );
      if (index >= 0) sent.splice(index, 1);
    }
  }
}

/** What MQTT forbids reaches no handler. @param {any} message */
function judgeMessage({ topic, payload, qos, retain, duplicate, properties }) {
  const shown = JSON.stringify(topic);
  claim(typeof topic === 'string' && topic !== '', `a topic is ${shown}`);
  claim(!/[+#\0]/.test(topic) && topic.isWellFormed?.() !== false, `a topic is ${shown}`);
  claim(payload instanceof Uint8Array && payload.length <= MAXIMUM_PACKET_BYTES, 'a payload is none');
  claim([0, 1, 2].includes(qos), `a QoS is ${qos}`);
  claim(typeof retain === 'boolean' && typeof duplicate === 'boolean', 'a flag is none');
  const { contentType, payloadFormat, responseTopic, correlationData, messageExpirySeconds, userProperties } =
    properties;
  for (const text of [contentType, responseTopic])
    claim(['undefined', 'string'].includes(typeof text), 'a text is none');
  claim(responseTopic === undefined || !/[+#\0]/.test(responseTopic), 'a response topic is none');
  claim([undefined, 'bytes', 'utf8'].includes(payloadFormat), `a payload format is ${payloadFormat}`);
  claim(correlationData === undefined || correlationData instanceof Uint8Array, 'correlation data are none');
  claim(messageExpirySeconds === undefined || messageExpirySeconds >= 0, 'an expiry is none');
  for (const value of Object.values(userProperties ?? {}).flat())
    claim(typeof value === 'string', 'a user property is none');
}
