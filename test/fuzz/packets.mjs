// Bytes as a broker may send them, and as none may: packets of every kind, valid and then damaged.
import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';

/** Strangers' text, which errors must cut: see judge.mjs. */
const LONG = 'R'.repeat(300);
const TOPICS = ['a', 'a/b', '', '#', 'a/+', 'a\0b', '\u{1F600}', '\ufffd', '$aws/x', LONG, '__proto__'];
const BROKEN_UTF8 = [[0xff], [0xc3], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80], [0xc0, 0x80]];

/** @param {string} text */
const textField = (text) => Buffer.concat([twoBytes(Buffer.byteLength(text)), Buffer.from(text)]);
const twoBytes = (/** @type {number} */ value) => Buffer.from([(value >> 8) & 0xff, value & 0xff]);

/** @param {number} length as MQTT writes it */
function lengthField(length) {
  const bytes = [];
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** One property of MQTT 5 each: right, wrong, of another packet, or of none. */
const PROPERTIES = [
  ...[
    [0x01, 0],
    [0x01, 1],
    [0x01, 7],
    [0x02, 0, 0, 0, 9],
    [0x23, 0, 0],
    [0x23, 0, 1],
    [0x23, 0, 9],
  ],
  ...[
    [0x23, 0xff, 0xff],
    [0x0b, 1],
    [0x7e, 1],
    [0x24, 0],
    [0x25, 0],
    [0x21, 0, 0],
    [0x27, 0, 0, 0, 0],
  ],
  ...[
    [0x13, 0, 0],
    [0x11, 0, 0, 0, 1],
    [0x09, 0, 2, 1, 2],
    [0x09, 0xff, 0xff, 1],
  ],
  ...[0x03, 0x08, 0x12, 0x15, 0x1a, 0x1c, 0x1f].flatMap((id) =>
    ['x', 'a/#', LONG, 'R\u001b[31m\n', ''].map((text) => [id, ...textField(text)]),
  ),
  ...['k', '__proto__', 'constructor', ''].map((name) => [0x26, ...textField(name), ...textField('v')]),
  [0x26, ...textField('k'), 0xff, 0xff],
].map((bytes) => Buffer.from(bytes));

const property = fc.constantFrom(...PROPERTIES);
const properties = fc.array(property, { maxLength: 3 }).map((all) => {
  const bytes = Buffer.concat(all);
  return Buffer.concat([lengthField(bytes.length), bytes]);
});
const topicField = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TOPICS).map(textField) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...BROKEN_UTF8).map((bytes) => Buffer.from([0, bytes.length, ...bytes])),
  },
);
/** Small, so that they often are those of a packet of the client. */
const packetId = fc.integer({ min: 0, max: 4 }).map(twoBytes);
const code = fc.oneof(fc.constantFrom(0, 1, 2, 0x80, 0x87, 0x8e, 0x9c), fc.nat(255)).map((byte) => [byte]);

/** @param {number} first @param {Uint8Array[]} parts */
function packet(first, ...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([first]), lengthField(body.length), body]);
}

/** @param {4 | 5} version */
function publish(version) {
  const first = fc.constantFrom(0x30, 0x31, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a);
  const payload = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(Buffer.alloc(5_000, 7)));
  return fc
    .tuple(first, topicField, packetId, properties, payload)
    .map(([head, topic, id, extra, content]) => {
      const parts = [topic, ...((head & 6) === 0 ? [] : [id]), ...(version === 5 ? [extra] : []), content];
      return packet(head, ...parts.map((part) => Buffer.from(part)));
    });
}

/** @param {4 | 5} version */
function answers(version) {
  const first = fc.constantFrom(0x40, 0x50, 0x62, 0x70, 0x90, 0xb0);
  const codes = fc.array(code, { maxLength: 3 }).map((all) => Buffer.from(all.flat()));
  return fc.tuple(first, packetId, properties, codes).map(([head, id, extra, given]) => {
    const isList = head === 0x90 || head === 0xb0;
    if (version === 4) return packet(head, id, isList ? given : Buffer.alloc(0));
    return isList ? packet(head, id, extra, given) : packet(head, id, given, extra);
  });
}

/** @param {4 | 5} version */
function others(version) {
  const connack = fc
    .tuple(fc.constantFrom(0, 1, 2, 0xff), code, properties)
    .map(([flags, reason, extra]) =>
      packet(0x20, Buffer.from([flags, ...reason]), version === 5 ? extra : Buffer.alloc(0)),
    );
  const ends = fc
    .tuple(fc.constantFrom(0xe0, 0xf0), code, properties)
    .map(([head, reason, extra]) => packet(head, Buffer.from(reason), extra));
  const ofClients = fc.constantFrom(
    ...[
      { cmd: 'pingresp' },
      { cmd: 'pingreq' },
      { cmd: 'connect', clientId: 'x', protocolId: 'MQTT', protocolVersion: version, clean: true },
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }] },
      { cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a'] },
    ].map((one) => mqttPacket.generate(/** @type {any} */ (one), { protocolVersion: version })),
  );
  return fc.oneof(connack, ends, ofClients);
}

/** @typedef {(bytes: Buffer) => Buffer} Damage */

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

/** @type {fc.Arbitrary<Damage>} */
export const damage = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(([at, bit]) => flipped(at, bit)),
  place.map((at) => (/** @type {Buffer} */ bytes) => bytes.subarray(0, Math.floor(at * bytes.length))),
  place.map((at) => (/** @type {Buffer} */ bytes) => bytes.subarray(Math.floor(at * bytes.length))),
  fc.constant((/** @type {Buffer} */ bytes) => Buffer.concat([bytes, bytes])),
  // A lie about its length, in one to five bytes.
  fc
    .oneof(
      fc.nat(200).map(lengthField),
      fc.constantFrom([0xff, 0xff, 0xff, 0x7f], [0xff, 0xff, 0xff, 0xff, 1]),
    )
    .map(
      (length) => (/** @type {Buffer} */ bytes) =>
        Buffer.concat([bytes.subarray(0, 1), Buffer.from(length), bytes.subarray(2)]),
    ),
  fc.tuple(place, fc.uint8Array({ maxLength: 6 })).map(([at, more]) => (/** @type {Buffer} */ bytes) => {
    const cut = Math.floor(at * bytes.length);
    return Buffer.concat([bytes.subarray(0, cut), more, bytes.subarray(cut)]);
  }),
);

/** @param {number} at @param {number} bit @returns {Damage} */
const flipped = (at, bit) => (bytes) => {
  const copy = Buffer.from(bytes);
  const index = Math.floor(at * copy.length);
  if (copy.length > 0) copy[index] = /** @type {number} */ (copy[index]) ^ (1 << bit);
  return copy;
};

/**
 * What comes on one connection, in hexadecimal digits.
 *
 * @param {4 | 5} version @returns {fc.Arbitrary<string>}
 */
export function streams(version) {
  const valid = fc.oneof({ weight: 3, arbitrary: publish(version) }, answers(version), others(version));
  const damaged = fc
    .tuple(valid, fc.array(damage, { minLength: 1, maxLength: 2 }))
    .map(([bytes, all]) => all.reduce((now, one) => one(now), bytes));
  const spliced = fc
    .tuple(valid, valid, place)
    .map(([a, b, at]) => Buffer.concat([a.subarray(0, Math.floor(at * a.length)), b]));
  const random = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes));
  const piece = fc.oneof(
    { weight: 4, arbitrary: valid },
    { weight: 4, arbitrary: damaged },
    { weight: 1, arbitrary: spliced },
    { weight: 1, arbitrary: random },
  );
  return fc.array(piece, { minLength: 1, maxLength: 6 }).map((all) => Buffer.concat(all).toString('hex'));
}

/** @typedef {{ topic: string, payload: Buffer }} Published */

/**
 * Every PUBLISH that is whole and right, as far as the stream can be followed: our own reading, beside the one that is fuzzed.
 *
 * @param {Buffer} bytes @param {4 | 5} version @returns {Published[]}
 */
export function publishesIn(bytes, version) {
  /** @type {Published[]} */
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const length = readLength(bytes, at + 1);
    if (length === undefined || length.end + length.value > bytes.length) break;
    const end = length.end + length.value;
    const first = /** @type {number} */ (bytes[at]);
    const read = first >> 4 === 3 ? readPublish(bytes.subarray(length.end, end), first, version) : undefined;
    if (read !== undefined) found.push(read);
    at = end;
  }
  return found;
}

/** @param {Buffer} body @param {number} first @param {4 | 5} version @returns {Published | undefined} */
function readPublish(body, first, version) {
  const isQos0 = (first & 6) === 0;
  if (body.length < 2) return undefined;
  const topicEnd = 2 + body.readUInt16BE(0);
  let at = topicEnd + (isQos0 ? 0 : 2);
  if (at > body.length) return undefined;
  if (version === 5) {
    const length = readLength(body, at);
    if (length === undefined || length.end + length.value > body.length) return undefined;
    at = length.end + length.value;
  }
  // U+FFFD may stand for broken UTF-8 here: whether it did when it came the client can mostly, but not always, tell.
  return { topic: body.toString('utf8', 2, topicEnd), payload: body.subarray(at) };
}

/** @param {Buffer} bytes @param {number} start */
function readLength(bytes, start) {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 128 ** i;
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  return undefined;
}
