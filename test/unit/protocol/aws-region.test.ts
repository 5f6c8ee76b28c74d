import { describe, expect, it } from 'vitest';
import { checkRegion, isRegion, regionOf } from '../../../src/protocol/aws-region.ts';
import { errorOf } from './error-of.ts';

describe('the region of an endpoint', () => {
  it.each([
    ['a1b2c3-ats.iot.eu-west-1.amazonaws.com', 'eu-west-1'],
    ['a1b2c3.iot.us-east-1.amazonaws.com', 'us-east-1'],
    // py:W12
    ['x.iot.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['x-ats.iot.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['x.ats.iot.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['data.iot.ap-southeast-2.amazonaws.com', 'ap-southeast-2'],
    ['vpce-0a1b-2c3d.data.iot.us-east-2.vpce.amazonaws.com', 'us-east-2'],
    ['vpce-0a1b-2c3d-us-east-2a.data.iot.us-east-2.vpce.amazonaws.com', 'us-east-2'],
    ['a1b2c3-ats.iot.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['data.iot-fips.us-gov-east-1.amazonaws.com', 'us-gov-east-1'],
    ['a1b2c3.data.iot-fips.ca-central-1.amazonaws.com', 'ca-central-1'],
    ['a1b2c3-beta.iot.us-east-1.amazonaws.com', 'us-east-1'],
    ['a1b2c3.gamma.iot.us-west-2.amazonaws.com', 'us-west-2'],
    ['A1B2C3-ATS.IOT.EU-WEST-1.AMAZONAWS.COM', 'eu-west-1'],
    ['a1b2c3-ats.iot.eu-west-1.amazonaws.com.', 'eu-west-1'],
  ])('%s: %s', (endpoint, region) => {
    expect(regionOf(endpoint)).toBe(region);
  });

  it.each([
    'iot.example.com',
    'iot.eu-west-1.amazonaws.com',
    'wss://a1b2c3-ats.iot.eu-west-1.amazonaws.com',
    'localhost',
    '127.0.0.1',
    '::1',
    '',
    // py:W11
    'ThisIsNotAValidIoTEndpoint!',
    'x.iot.eu-west-1.amazonaws.com.example.com',
    'x.iot.eu-west-1.amazonaws.com.evil',
    'x.iot.eu-west-1.notamazonaws.com',
    'x.iot.amazonaws.com',
    'x.iot.-.amazonaws.com',
    'x.s3.eu-west-1.amazonaws.com',
    'x.iot.eu-west-1.amazonaws.com..',
    'x..iot.eu-west-1.amazonaws.com',
  ])('%s names none', (endpoint) => {
    expect(regionOf(endpoint)).toBeUndefined();
  });
});

describe('the shape of a region', () => {
  it.each(['us-east-1', 'us-gov-west-1', 'eusc-de-east-1', 'mx-central-1', `us-${'a'.repeat(29)}`])(
    '%s',
    (text) => {
      expect(isRegion(text)).toBe(true);
    },
  );

  it.each([
    '',
    'us',
    'us_east_1',
    'US-EAST-1',
    'us-east-1/',
    'us-east-1 ',
    'us east',
    '-us-1',
    'us--1',
    `us-${'a'.repeat(30)}`,
  ])('%o is none', (text) => {
    expect(isRegion(text)).toBe(false);
  });
});

describe('an option region', () => {
  it('may be what has the shape of one', () => {
    expect(() => checkRegion('eu-west-1')).not.toThrow();
  });

  it.each([undefined, null, 7, ['eu-west-1'], '', 'eu west'])('may not be %j', (region) => {
    const { code, message } = errorOf(() => checkRegion(region));
    expect(code).toBe('INVALID_ARGUMENT');
    expect(message).toMatch(/^region must be the name of an AWS region, such as "eu-west-1"; given: /);
  });
});
