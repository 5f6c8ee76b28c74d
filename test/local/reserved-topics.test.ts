import { describe, expect, it } from 'vitest';

import { publishFaultOf, subscribeFaultOf, takesWholeShadow } from '../../src/local/reserved-topics.ts';

/** What clients publish to (https://docs.aws.amazon.com/iot/latest/developerguide/reserved-topics.html). */
const FOR_CLIENTS = [
  '$aws/things/lamp/shadow/get',
  '$aws/things/lamp/shadow/update',
  '$aws/things/lamp/shadow/delete',
  '$aws/things/lamp/shadow/name/light/get',
  '$aws/things/lamp/shadow/name/light/update',
  '$aws/things/lamp/shadow/name/light/delete',
  '$aws/things/lamp/jobs/get',
  '$aws/things/lamp/jobs/start-next',
  '$aws/things/lamp/jobs/$next/get',
  '$aws/things/lamp/jobs/a-job/update',
  '$aws/things/lamp/defender/metrics/json',
  '$aws/things/lamp/streams/a-stream/describe/json',
  '$aws/things/lamp/streams/a-stream/get/cbor',
  '$aws/certificates/create/json',
  '$aws/certificates/create-from-csr/cbor',
  '$aws/provisioning-templates/a-template/provision/json',
  '$aws/commands/things/lamp/executions/an-execution/response/json',
  '$aws/rules/a_rule/any/topic',
];

/** What AWS publishes to. */
const FOR_AWS = [
  '$aws/things/lamp/shadow/get/accepted',
  '$aws/things/lamp/shadow/update/rejected',
  '$aws/things/lamp/shadow/update/delta',
  '$aws/things/lamp/shadow/update/documents',
  '$aws/things/lamp/shadow/name/light/delete/accepted',
  '$aws/things/lamp/shadow/name/light/update/delta',
  '$aws/things/lamp/jobs/notify',
  '$aws/things/lamp/jobs/notify-next',
  '$aws/things/lamp/jobs/get/accepted',
  '$aws/things/lamp/jobs/a-job/update/rejected',
  '$aws/things/lamp/tunnels/notify',
  '$aws/things/lamp/defender/metrics/cbor/accepted',
  '$aws/things/lamp/streams/a-stream/data/cbor',
  '$aws/certificates/create/json/accepted',
  '$aws/provisioning-templates/a-template/provision/cbor/rejected',
  '$aws/commands/clients/lamp/executions/an-execution/request/json',
  '$aws/commands/things/lamp/executions/an-execution/response/accepted/json',
  '$aws/events/presence/connected/lamp',
  '$aws/events/job/a-job/completed',
];

const UNKNOWN = [
  '$aws',
  '$aws/',
  '$aws/nonsense',
  '$aws/rules',
  '$aws/things/lamp',
  '$aws/things/lamp/shadow',
  '$aws/things/lamp/shadow/put',
  '$aws/things/lamp/shadow/update/now',
  '$aws/things/lamp/shadow/get/delta',
  '$aws/things/lamp/shadow/name/update',
  '$aws/things/lamp/shadow/name/light',
  '$aws/things/lamp/shadow/name/light/update/accepted/twice',
  '$aws/things/lamp/jobs/notify/twice',
  '$aws/certificates/create/xml',
  '$aws/certificates',
];

describe('the reserved topics of AWS', () => {
  it.each(FOR_CLIENTS)('%s is for clients to publish to', (topic) => {
    expect([publishFaultOf(topic), subscribeFaultOf(topic)]).toEqual([undefined, undefined]);
  });

  it.each(FOR_AWS)('%s is for AWS to publish to', (topic) => {
    expect([publishFaultOf(topic), subscribeFaultOf(topic)]).toEqual(['onlyAwsPublishes', undefined]);
  });

  it.each(UNKNOWN)('%s is none', (topic) => {
    expect([publishFaultOf(topic), subscribeFaultOf(topic)]).toEqual(['unknown', 'unknown']);
  });

  it.each([
    '$aws/things/lamp/shadow/+/accepted',
    '$aws/things/+/shadow/update/delta',
    '$aws/things/lamp/shadow/#',
    '$aws/things/lamp/#',
    '$aws/things/#',
    '$aws/things/lamp/shadow/name/+/get/+',
    '$aws/things/lamp/jobs/+/get/accepted',
    '$aws/events/#',
    '$aws/events/presence/+/lamp',
    '$aws/commands/things/lamp/executions/+/request/+',
  ])('the filter %s matches some', (filter) => expect(subscribeFaultOf(filter)).toBeUndefined());

  it.each([
    '$aws/#',
    '$aws/+/lamp/shadow/get',
    '$aws/nonsense/#',
    '$aws/things/+/nonsense/#',
    '$aws/things/+',
  ])('the filter %s is none of AWS', (filter) => expect(subscribeFaultOf(filter)).toBe('unknown'));

  it.each([
    ['$aws/things/lamp/shadow/#', true],
    ['$aws/things/+/shadow/#', true],
    ['$aws/things/lamp/shadow/name/light/#', true],
    ['$aws/things/lamp/shadow/update/#', false],
    ['$aws/things/lamp/shadow/+/accepted', false],
    ['$aws/things/lamp/jobs/#', false],
    ['$aws/events/#', false],
  ])('the filter %s is for a whole shadow: %s', (filter, whole) =>
    expect(takesWholeShadow(filter)).toBe(whole),
  );
});
