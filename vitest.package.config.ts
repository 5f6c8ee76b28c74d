import { defineConfig } from 'vitest/config';

/** What a new user does: installs the packed tarball in an empty folder and goes by the documents. Needs the registry. */
export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    globalSetup: ['test/package/install.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
