import { expect, test } from 'vitest';
import { isAwsEndpoint } from '../../../src/protocol/endpoint.ts';

test.each([
  ['abc-ats.iot.eu-west-1.amazonaws.com', true],
  ['abc.ats.iot.cn-north-1.amazonaws.com.cn', true],
  ['ABC-ATS.IOT.EU-WEST-1.AMAZONAWS.COM', true],
  ['abc-ats.iot.eu-west-1.amazonaws.com.', true],
  ['amazonaws.com', false],
  ['abc.amazonaws.com.example.org', false],
  ['notamazonaws.com', false],
])('%s is an endpoint of AWS: %s', (endpoint, isAws) => {
  expect(isAwsEndpoint(endpoint)).toBe(isAws);
});
