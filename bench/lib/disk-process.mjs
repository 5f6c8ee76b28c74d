// What the disk itself can do: one record at the end of a file, and then waiting for the disk.
// Argument: the directory.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { serve } from './child.mjs';
import { stopwatch } from './stats.mjs';

const RECORD = Buffer.alloc(200, 'x');
const file = openSync(join(process.argv[2], 'records'), 'a');
process.on('exit', () => closeSync(file));

serve({
  /** Seconds of CPU and of the clock until all were on the disk, one after another. */
  synced({ count }) {
    const seconds = stopwatch();
    for (let i = 0; i < count; i++) {
      writeSync(file, RECORD);
      fdatasyncSync(file);
    }
    return seconds();
  },
});
