// @ts-check
// What one process leaves for the next: the JSON of `client.dehydrate()`, in a file.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/**
 * What the process before has left; undefined when there was none.
 *
 * @param {string} file
 * @returns {import('aws-iot-machines').DehydratedClient | undefined}
 */
export function readNotes(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Gives a function that writes down what has changed since it was last called.
 *
 * @param {import('aws-iot-machines').IotClient} client
 * @param {string} file
 */
export function noteTaker(client, file) {
  let written = '';
  return () => {
    const notes = client.dehydrate();
    const text = JSON.stringify(notes);
    if (text === written) return;
    // Beside it, onto the disk, and then in its place: whenever this process ends, there is the old file or the new one.
    writeFileSync(`${file}.new`, text, { flush: true });
    renameSync(`${file}.new`, file);
    written = text;
    const { subscriptions, shadows } = notes;
    console.log(`notes     filters ${subscriptions.length}, handled deltas ${shadows.length}`);
  };
}
