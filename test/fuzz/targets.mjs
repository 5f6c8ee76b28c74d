import { openArguments } from './arguments.mjs';
import { openBytes } from './bytes.mjs';
import { openCredentials } from './credentials.mjs';
import { openShadows } from './shadows.mjs';

/** What is fuzzed, and which share of the time it gets. */
export const TARGETS = {
  bytes: { open: openBytes, share: 0.35 },
  arguments: { open: openArguments, share: 0.3 },
  shadows: { open: openShadows, share: 0.2 },
  credentials: { open: openCredentials, share: 0.15 },
};
