import { defineConfig } from 'vitest/config';

/** What a new user does: installs the packed tarball in an empty folder and runs the README. Needs the registry. */
export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
