import { describe, expect, it } from 'vitest';
import { AWS_LIMITS, MQTT_LIMITS } from '../../../src/protocol/limits.ts';

const tables = [AWS_LIMITS, AWS_LIMITS.keepAliveSeconds, AWS_LIMITS.shadow, MQTT_LIMITS];

describe('the limits', () => {
  it('are frozen to the last table, so that no part can change them for the others', () => {
    for (const table of tables) expect(table).toSatisfy(Object.isFrozen);
  });

  it('are positive whole numbers or tables of them', () => {
    for (const limit of tables.flatMap((table) => Object.values<unknown>(table))) {
      const isRow = Number.isSafeInteger(limit) && (limit as number) > 0;
      expect(isRow || tables.includes(limit as never)).toBe(true);
    }
  });

  it('of AWS IoT Core are within those of MQTT', () => {
    expect(AWS_LIMITS.topicBytes).toBeLessThan(MQTT_LIMITS.stringBytes);
    expect(AWS_LIMITS.payloadBytes).toBeLessThan(MQTT_LIMITS.remainingLengthBytes);
    expect(AWS_LIMITS.unacknowledgedPublishes).toBeLessThan(MQTT_LIMITS.receiveMaximum);
  });

  it('leave room for the longest shadow topic', () => {
    const { thingNameCharacters, shadowNameCharacters } = AWS_LIMITS.shadow;
    const [thing, shadow] = ['t'.repeat(thingNameCharacters), 's'.repeat(shadowNameCharacters)];
    const topic = `$aws/things/${thing}/shadow/name/${shadow}/update/documents`;
    expect(topic.length).toBeLessThanOrEqual(AWS_LIMITS.topicBytes);
    expect(topic.split('/')).toHaveLength(AWS_LIMITS.topicSlashes + 1);
  });
});
