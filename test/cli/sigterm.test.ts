import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { answer, ScriptedBroker } from '../../src/testing/index.ts';
import { startProgram } from '../support/run-program.ts';

/** A device as users write it: six messages have waited, and SIGTERM closes the client. */
const DEVICE = `
import { createIotClient, plainTcp } from 'aws-iot-machines';

const [port, flushTimeoutMs] = process.argv.slice(2).map(Number);
const client = createIotClient({ endpoint: '127.0.0.1', port, clientId: 'lamp', auth: plainTcp() });
process.once('SIGTERM', async () => {
  console.log('closing');
  await client.close({ flushTimeoutMs });
  console.log('closed');
});
for (const name of ['q0', 'q1', 'q2', 'q3', 'q4', 'q5']) {
  const receipt = await client.publish(name, name, { qos: 1 });
  receipt.delivered.then(
    () => console.log(name, 'delivered'),
    ({ code, outcomeUnknown }) => console.log(name, code, outcomeUnknown),
  );
}
await client.connect();
`;

async function startDevice(broker: ScriptedBroker, flushTimeoutMs: number) {
  // In the folder of the package, so that its own name leads to it.
  await writeFile(join(inject('builtPackage'), 'sigterm-device.mjs'), DEVICE);
  return startProgram('sigterm-device.mjs', [`${broker.port}`, `${flushTimeoutMs}`]);
}

test('fault:F-15 SIGTERM in the midst of a drain: what is in flight is finished, the rest is told, exit code 0', async () => {
  await using broker = await ScriptedBroker.start();
  let acknowledge = (): void => undefined;
  broker.on({ packet: 'publish', nth: 2 }, (exchange) => {
    acknowledge = () => exchange.serve();
  });
  const device = await startDevice(broker, 10_000);
  await broker.when(() => broker.connections[0]?.count('publish') === 2);
  device.kill('SIGTERM');
  await device.shows('closing');
  // Nothing new is sent while it waits for the PUBACK, and it does not say DISCONNECT before that.
  expect(broker.connections[0]?.count('disconnect')).toBe(0);
  acknowledge();
  const { exitCode, signal, stdout, stderr } = await device.end;
  expect({ exitCode, signal, stderr }).toEqual({ exitCode: 0, signal: null, stderr: '' });
  expect(stdout.trim().split('\n')).toEqual([
    ...['q0 delivered', 'closing', 'q1 delivered'],
    ...['q2', 'q3', 'q4', 'q5'].map((name) => `${name} CLOSED false`),
    'closed',
  ]);
  const packets = broker.connections[0]?.received.map(({ cmd }) => cmd);
  expect(packets).toEqual(['connect', 'publish', 'publish', 'disconnect']);
  expect(broker.messages.map(({ topic }) => topic)).toEqual(['q0', 'q1']);
});

test('fault:F-15 SIGTERM with a PUBACK that never comes: it waits no longer than its flush timeout, exit code 0', async () => {
  await using broker = await ScriptedBroker.start();
  broker.on({ packet: 'publish', nth: 2 }, answer.hang());
  const device = await startDevice(broker, 50);
  await broker.when(() => broker.connections[0]?.count('publish') === 2);
  device.kill('SIGTERM');
  const { exitCode, signal, stdout, stderr } = await device.end;
  expect({ exitCode, signal, stderr }).toEqual({ exitCode: 0, signal: null, stderr: '' });
  expect(stdout).toContain('q1 CLOSED true\nq2 CLOSED false');
  expect(broker.connections[0]?.received.at(-1)?.cmd).toBe('disconnect');
});
