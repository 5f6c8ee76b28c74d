import { describe, expect, test } from 'vitest';
import { runProgram } from '../support/run-program.ts';

/** What a program that ends well has printed. */
async function printed(example: string, ...parameters: string[]): Promise<string[]> {
  const { exitCode, stdout, stderr } = await runProgram(`examples/${example}/main.mjs`, parameters);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout.trimEnd().split('\n');
}

describe('machines in apps', () => {
  test('own-transport: the connection machine comes back over a line that is not MQTT', async () => {
    const UP = ['connected', 'usable', 'resubscribed', 'live'].map((fact) => `connection.${fact}`);
    expect(await printed('own-transport')).toEqual([
      'app is "off"',
      'app is {"on":"waiting"}',
      ...UP,
      'app is {"on":"working"}',
      'the modem hangs up',
      'connection.disconnected',
      'connection.lost  the modem has hung up',
      'app is {"on":"waiting"}',
      ...UP,
      'app is {"on":"working"}',
      'app is "off"',
    ]);
  });

  test('app-machine: by events alone what is measured waits for a line, and an order is heard', async () => {
    const lines = await printed('app-machine', '--local');
    const sent = 'sent      moisture 0.2';
    // The broker says so when it has it, beside the rest of the story.
    expect(lines.filter((line) => line !== sent)).toEqual([
      'app       rests',
      'sensor    moisture 0.5',
      'waits     moisture 0.5',
      'sent      moisture 0.5',
      'sensor    moisture 0.2',
      'app       waters',
      'app       rests',
      'story     somebody says: water',
      'app       waters',
      'app       rests',
    ]);
    expect(lines.filter((line) => line === sent)).toHaveLength(1);
  });

  test('shadow-request: each end of a request, and the states that lead there', async () => {
    const sent = 'waiting → queueing → subscribing → publishing → pending → unsubscribing → done';
    expect(await printed('shadow-request')).toEqual([
      'answered  accepted  version 7',
      `          ${sent}`,
      'silent    timedOut  TIMEOUT',
      `          ${sent}`,
      'denied    failed  SUBSCRIPTION_REFUSED',
      '          waiting → queueing → subscribing → unsubscribing → done',
      'cut       outcomeUnknown  OUTCOME_UNKNOWN',
      `          ${sent}`,
    ]);
  });
});
