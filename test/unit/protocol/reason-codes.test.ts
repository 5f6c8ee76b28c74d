import { describe, expect, test } from 'vitest';
import { CONNACK_REASONS } from '../../../src/protocol/connack-reasons.ts';
import { DISCONNECT_REASONS } from '../../../src/protocol/disconnect-reasons.ts';
import type { IotError, IotErrorCode } from '../../../src/protocol/errors.ts';
import {
  connackFailure,
  disconnectFailure,
  type FailurePlace,
  notSupportedByBroker,
  publishRefused,
  subscriptionRefused,
  tooLargeForBroker,
  unsubscriptionRefused,
} from '../../../src/protocol/failures.ts';
import type { Reasons } from '../../../src/protocol/reason.ts';
import { PUBACK_REASONS, SUBACK_REASONS, UNSUBACK_REASONS } from '../../../src/protocol/refusal-reasons.ts';

const place: FailurePlace = {
  endpoint: 'broker.example',
  port: 8883,
  stage: 'awaitingConnack',
  wallClock: Date.UTC(2031, 5, 1),
};
const aws: FailurePlace = { ...place, endpoint: 'abc-ats.iot.eu-west-1.amazonaws.com' };

type Row = readonly [code: number, ours: IotErrorCode, words: string, advice?: RegExp];

const CONNACK: readonly Row[] = [
  [1, 'UNSUPPORTED_PROTOCOL_VERSION', 'unacceptable protocol version', /`protocolVersion`/],
  [2, 'INVALID_CLIENT_ID', 'client identifier rejected', /`clientId`/],
  [3, 'SERVER_UNAVAILABLE', 'server unavailable'],
  [4, 'BAD_CREDENTIALS', 'bad user name or password', /`auth`/],
  [5, 'NOT_AUTHORIZED', 'not authorized', /user name and the password.*allows this client to connect/],
  [7, 'NOT_AUTHORIZED', 'not authorized', /user name and the password.*allows this client to connect/],
  [128, 'CONNECTION_REFUSED', 'unspecified error'],
  [129, 'PROTOCOL_ERROR', 'malformed packet'],
  [130, 'PROTOCOL_ERROR', 'protocol error'],
  [131, 'CONNECTION_REFUSED', 'implementation specific error'],
  [132, 'UNSUPPORTED_PROTOCOL_VERSION', 'unsupported protocol version', /`protocolVersion`/],
  [133, 'INVALID_CLIENT_ID', 'client identifier not valid', /`clientId`/],
  [134, 'BAD_CREDENTIALS', 'bad user name or password', /`auth`/],
  [135, 'NOT_AUTHORIZED', 'not authorized', /user name and the password.*allows this client to connect/],
  [136, 'SERVER_UNAVAILABLE', 'server unavailable'],
  [137, 'SERVER_UNAVAILABLE', 'server busy'],
  [138, 'NOT_AUTHORIZED', 'banned', /ban/],
  [140, 'CONNECTION_REFUSED', 'bad authentication method'],
  [144, 'INVALID_WILL', 'topic name invalid', /topic of `will`/],
  [149, 'INVALID_WILL', 'packet too large', /payload of `will`/],
  [151, 'QUOTA_EXCEEDED', 'quota exceeded', /raised/],
  [153, 'INVALID_WILL', 'payload format invalid', /`will`.*payload format/],
  [154, 'INVALID_WILL', 'retain not supported', /`retain` of `will`/],
  [155, 'INVALID_WILL', 'QoS not supported', /`qos` of `will`/],
  [156, 'SERVER_MOVED', 'use another server', /`endpoint`/],
  [157, 'SERVER_MOVED', 'server moved', /`endpoint`/],
  [159, 'SERVER_UNAVAILABLE', 'connection rate exceeded'],
  [6, 'CONNECTION_REFUSED', 'no reason that has a name'],
  [99, 'CONNECTION_REFUSED', 'no reason that has a name'],
  [200, 'CONNECTION_REFUSED', 'no reason that has a name'],
];

const DISCONNECT: readonly Row[] = [
  [0, 'CONNECTION_LOST', 'normal disconnection'],
  [128, 'CONNECTION_LOST', 'unspecified error'],
  [129, 'PROTOCOL_ERROR', 'malformed packet'],
  [130, 'PROTOCOL_ERROR', 'protocol error'],
  [131, 'CONNECTION_LOST', 'implementation specific error'],
  [135, 'NOT_AUTHORIZED', 'not authorized', /publishes and subscribes/],
  [137, 'SERVER_UNAVAILABLE', 'server busy'],
  [139, 'SERVER_UNAVAILABLE', 'server shutting down'],
  [140, 'CONNECTION_LOST', 'bad authentication method'],
  [141, 'CONNECTION_LOST', 'keep alive timeout'],
  [142, 'DUPLICATE_CLIENT_ID', 'session taken over by another connection', /`clientId` of its own\.$/],
  [143, 'CONNECTION_LOST', 'topic filter invalid', /filters/],
  [144, 'CONNECTION_LOST', 'topic name invalid', /topics/],
  [147, 'PROTOCOL_ERROR', 'receive maximum exceeded'],
  [148, 'PROTOCOL_ERROR', 'topic alias invalid'],
  [149, 'CONNECTION_LOST', 'packet too large', /smaller/],
  [150, 'QUOTA_EXCEEDED', 'message rate too high', /less often/],
  [151, 'QUOTA_EXCEEDED', 'quota exceeded', /raised/],
  [152, 'CONNECTION_LOST', 'administrative action'],
  [153, 'CONNECTION_LOST', 'payload format invalid', /payload format/],
  [154, 'CONNECTION_LOST', 'retain not supported', /without `retain`/],
  [155, 'CONNECTION_LOST', 'QoS not supported', /QoS 0/],
  [156, 'SERVER_MOVED', 'use another server', /`endpoint`/],
  [157, 'SERVER_MOVED', 'server moved', /`endpoint`/],
  [158, 'CONNECTION_LOST', 'shared subscriptions not supported', /\$share/],
  [159, 'SERVER_UNAVAILABLE', 'connection rate exceeded'],
  [160, 'CONNECTION_LOST', 'maximum connect time'],
  [161, 'CONNECTION_LOST', 'subscription identifiers not supported'],
  [162, 'CONNECTION_LOST', 'wildcard subscriptions not supported', /without \+ and #/],
  [1, 'CONNECTION_LOST', 'no reason that has a name'],
  [250, 'CONNECTION_LOST', 'no reason that has a name'],
];

const PUBACK: readonly Row[] = [
  [128, 'PUBLISH_REFUSED', 'unspecified error'],
  [131, 'PUBLISH_REFUSED', 'implementation specific error'],
  [135, 'PUBLISH_REFUSED', 'not authorized', /policy/],
  [144, 'PUBLISH_REFUSED', 'topic name invalid', /Check the topic/],
  [145, 'PUBLISH_REFUSED', 'packet identifier in use'],
  [151, 'PUBLISH_REFUSED', 'quota exceeded', /less often/],
  [153, 'PUBLISH_REFUSED', 'payload format invalid', /payload format/],
  [250, 'PUBLISH_REFUSED', 'no reason that has a name'],
];

const SUBACK: readonly Row[] = [
  [128, 'SUBSCRIPTION_REFUSED', 'refused without a reason', /Check the filter.*policy/],
  [131, 'SUBSCRIPTION_REFUSED', 'implementation specific error'],
  [135, 'SUBSCRIPTION_REFUSED', 'not authorized', /policy.*receive from/],
  [143, 'SUBSCRIPTION_REFUSED', 'topic filter invalid', /Check the filter/],
  [145, 'SUBSCRIPTION_REFUSED', 'packet identifier in use'],
  [151, 'SUBSCRIPTION_REFUSED', 'quota exceeded', /allows 50/],
  [158, 'SUBSCRIPTION_REFUSED', 'shared subscriptions not supported', /\$share/],
  [161, 'SUBSCRIPTION_REFUSED', 'subscription identifiers not supported'],
  [162, 'SUBSCRIPTION_REFUSED', 'wildcard subscriptions not supported', /without \+ and #/],
  [250, 'SUBSCRIPTION_REFUSED', 'no reason that has a name'],
];

const UNSUBACK: readonly Row[] = [
  [128, 'SUBSCRIPTION_REFUSED', 'unspecified error'],
  [131, 'SUBSCRIPTION_REFUSED', 'implementation specific error'],
  [135, 'SUBSCRIPTION_REFUSED', 'not authorized', /policy/],
  [143, 'SUBSCRIPTION_REFUSED', 'topic filter invalid', /Check the filter/],
  [145, 'SUBSCRIPTION_REFUSED', 'packet identifier in use'],
  [250, 'SUBSCRIPTION_REFUSED', 'no reason that has a name'],
];

interface Packet {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly table: Reasons;
  readonly says: RegExp;
  readonly failure: (code: number, reasonString?: string) => IotError;
}

const PACKETS: readonly Packet[] = [
  {
    name: 'fault:A-10 fault:A-11 CONNACK',
    rows: CONNACK,
    table: CONNACK_REASONS,
    says: /^broker\.example:8883 refused the connection: /,
    failure: (code, text) => connackFailure(code, place, text),
  },
  {
    name: 'fault:B-19 DISCONNECT',
    rows: DISCONNECT,
    table: DISCONNECT_REASONS,
    says: /^broker\.example:8883 ended the connection: /,
    failure: (code, text) => disconnectFailure(code, place, text),
  },
  {
    name: 'fault:B-5 PUBACK',
    rows: PUBACK,
    table: PUBACK_REASONS,
    says: /^the broker refused the publish to "a\/b": /,
    failure: (code, text) => publishRefused('a/b', code, text),
  },
  {
    name: 'SUBACK',
    rows: SUBACK,
    table: SUBACK_REASONS,
    says: /^the broker refused the subscription to "a\/\+": /,
    failure: (code, text) => subscriptionRefused('a/+', code, text),
  },
  {
    name: 'UNSUBACK',
    rows: UNSUBACK,
    table: UNSUBACK_REASONS,
    says: /^the broker refused to end the subscription to "a\/\+": /,
    failure: (code, text) => unsubscriptionRefused('a/+', code, text),
  },
];

describe.each(PACKETS)('$name', ({ rows, table, says, failure }) => {
  test('each row of the table is here', () => {
    const named = rows.filter(([, , words]) => words !== 'no reason that has a name').map(([code]) => code);
    expect(named).toEqual([...table.keys()].sort((a, b) => a - b));
  });

  const cases = rows.map(([code, ours, words, advice]) => ({ code, ours, words, advice }));
  test.each(cases)('$code is $ours, $words', ({ code, ours, words, advice }) => {
    const error = failure(code);
    expect(error.code).toBe(ours);
    expect(error.reasonCode).toBe(code);
    expect(error.message).toMatch(says);
    expect(error.message).toContain(words);
    expect(error.message).toContain(`(0x${code.toString(16).padStart(2, '0')})`);
    if (advice === undefined) expect(error.remediation).toBeUndefined();
    else expect(error.remediation).toMatch(advice);
  });

  test('sec:S-17 the reason string is quoted, cut and escaped', () => {
    expect(failure(128, 'no\nmore').message).toMatch(/\(0x80\); the broker says "no\\nmore"$/);
    const { message } = failure(128, `<html>\u001b[2J\u009b\u2028${'x'.repeat(1_000)}`);
    expect(message).toMatch(/"<html>\\u001b\[2J\\u\{9b\}\\u\{2028\}x{52}"… \(1012 characters\)$/);
    expect(failure(128).message).not.toContain('the broker says');
    expect(failure(128, '').message).toMatch(/the broker says ""$/);
  });
});

describe('fault:A-11 sec:S-31 another server', () => {
  test.each([connackFailure, disconnectFailure])('is shown, cut and escaped', (failure) => {
    expect(failure(157, place, 'gone', 'evil.example\n').message).toMatch(
      /\(0x9d\); the broker says "gone"; it names "evil\.example\\n"$/,
    );
    expect(failure(156, place, undefined, 'x'.repeat(100)).message).toContain(`"${'x'.repeat(64)}"…`);
    expect(failure(156, place).message).not.toContain('it names');
  });
});

describe('on AWS', () => {
  test.each([
    [connackFailure, 2, /128 bytes/],
    [connackFailure, 133, /128 bytes/],
    [connackFailure, 5, /iot:Connect/],
    [connackFailure, 7, /iot:Connect/],
    [connackFailure, 135, /iot:Connect/],
    [connackFailure, 151, /Service Quotas/],
    [disconnectFailure, 135, /iot:Publish/],
    [disconnectFailure, 150, /Service Quotas/],
    [disconnectFailure, 151, /Service Quotas/],
    [connackFailure, 1, /`protocolVersion`/],
  ] as const)('the advice is AWS’s own, where it has some: %# %i', (failure, code, advice) => {
    expect(failure(code, aws).remediation).toMatch(advice);
  });

  test('and of nobody else', () => {
    const all = [
      ...CONNACK.map(([code]) => connackFailure(code, place)),
      ...DISCONNECT.map(([code]) => disconnectFailure(code, place)),
    ];
    for (const { remediation } of all) expect(remediation ?? '').not.toMatch(/iot:|Service Quotas|AWS/);
  });
});

describe('what CONNACK said that the broker does not take is not sent', () => {
  test('a publish that is too large', () => {
    const error = tooLargeForBroker('a/b', 300, 200);
    expect(error).toMatchObject({
      code: 'PUBLISH_REFUSED',
      outcomeUnknown: false,
      message: expect.stringMatching(/"a\/b" makes a packet of 300 bytes.*at most 200; it was not sent$/),
      remediation: 'Publish a smaller payload.',
    });
    expect(error.reasonCode).toBeUndefined();
  });

  test.each([
    ['QoS 1', 'Publish with QoS 0.'],
    ['retain', 'Publish without `retain`.'],
  ] as const)('%s', (what, remediation) => {
    expect(notSupportedByBroker('a/b', what)).toMatchObject({
      code: 'PUBLISH_REFUSED',
      message: `the broker does not support ${what}: the publish to "a/b" was not sent`,
      remediation,
    });
  });
});

test('sec:S-17 topics and filters are cut and escaped', () => {
  const hostile = `\u009b${'x'.repeat(100)}`;
  for (const error of [
    publishRefused(hostile, 135),
    subscriptionRefused(hostile, 135),
    unsubscriptionRefused(hostile, 135),
    tooLargeForBroker(hostile, 2, 1),
    notSupportedByBroker(hostile, 'retain'),
  ]) {
    expect(error.message).toContain(String.raw`"\u{9b}x`);
    expect(error.message).not.toContain('x'.repeat(64));
  }
});
