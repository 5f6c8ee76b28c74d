// What the interop tests stand on.
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import type { IotClient } from '../../src/index.ts';
import { Mosquitto } from '../support/mosquitto.mjs';
import { Inbox, Traffic } from './support.ts';

describe('an inbox', () => {
  it('says what came when what is waited for does not', async () => {
    vi.useFakeTimers();
    try {
      const inbox = new Inbox<string>();
      inbox.put('something else');
      const failed = expect(inbox.count(2)).rejects.toThrow(/in vain; 1 came.*something else/);
      vi.advanceTimersByTime(9_000);
      await failed;
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends a wait for messages with the reason for which one was rejected', async () => {
    const traffic = new Traffic('numbers');
    const refuse = () => Promise.reject(new Error('no room'));
    traffic.publish({ publish: refuse } as unknown as IotClient, 1);
    await expect(traffic.delivered(1)).rejects.toThrow('no room');
  });
});

describe('a mosquitto', () => {
  const folders = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('mosquitto-'));

  it('leaves no folder when it cannot start', async () => {
    const before = await folders();
    await expect(Mosquitto.start({ settings: ['nonsense'] })).rejects.toThrow(
      /mosquitto ended[\s\S]*nonsense/,
    );
    expect(await folders()).toEqual(before);
  });
});
