import type { MemoryStore } from '../protocol/queue-store.ts';

const MEMORY: MemoryStore = Object.freeze({ kind: 'memory' });

/** What waits lives in memory, and ends with the process. The default. */
export function memoryStore(): MemoryStore {
  return MEMORY;
}
