import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mutualTls } from '../../src/index.ts';
import { makeLeaf } from '../support/certificates.ts';
import { certificates, fronted } from './support/refusals.ts';
import { inWorld } from './support/world.ts';

describe('certificate and key in files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sign-in-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function files(name: string): Promise<{ readonly cert: string; readonly key: string }> {
    const paths = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
    await writeFile(paths.key, '', { mode: 0o600 });
    return paths;
  }

  async function issue(paths: { readonly cert: string; readonly key: string }, name: string) {
    const { authority } = await certificates();
    const leaf = await makeLeaf(authority, { name });
    await writeFile(paths.cert, leaf.cert);
    await writeFile(paths.key, leaf.key);
  }

  it('fault:D-14 that are replaced while a line is up are used by the next one, and the line stays', () =>
    inWorld(async (world, broker) => {
      const paths = await files('rotated');
      await issue(paths, 'first');
      await using front = await fronted({ world, broker }, mutualTls(paths));
      const client = await world.liveClient(front.options);
      await issue(paths, 'second');
      await client.publish('a', '1', { qos: 1 });
      expect(broker.connections).toHaveLength(1);
      await broker.dropConnections();
      await world.retry(client);
      await client.when('live');
      expect(front.front.guests).toEqual(['first', 'second']);
    }));

  it('fault:D-8 a key that others may read is warned of, once, and used', () =>
    inWorld(async (world, broker) => {
      const paths = await files('open');
      await issue(paths, 'lamp');
      await chmod(paths.key, 0o644);
      await using front = await fronted({ world, broker }, mutualTls(paths));
      const client = world.client(front.options);
      const warnings: string[] = [];
      client.on('warning', ({ message }) => warnings.push(message));
      await client.connect();
      await client.when('live');
      await broker.dropConnections();
      await world.retry(client);
      await client.when('live');
      expect(warnings).toEqual([expect.stringMatching(/open\.key.*can be read by other users/)]);
    }));
});
