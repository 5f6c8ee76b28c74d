// Everything that the package exports, by entry: as it is built, for the program; tests bring the sources.

/**
 * @typedef {object} Packages
 * @property {typeof import('../../src/index.ts')} root
 * @property {typeof import('../../src/browser.ts')} browser
 * @property {typeof import('../../src/machines/index.ts')} machines
 * @property {typeof import('../../src/adapters/index.ts')} adapters
 * @property {typeof import('../../src/inspect/index.ts')} inspect
 * @property {typeof import('../../src/inspect/browser.ts')} inspectBrowser
 * @property {typeof import('../../src/local/index.ts')} local
 * @property {typeof import('../../src/testing/index.ts')} testing
 */

const ENTRIES = {
  ...{ root: 'index', browser: 'browser', machines: 'machines/index', adapters: 'adapters/index' },
  ...{
    inspect: 'inspect/index',
    inspectBrowser: 'inspect/browser',
    local: 'local/index',
    testing: 'testing/index',
  },
};

/** @returns {Promise<Packages>} */
export async function builtPackages() {
  const loaded = Object.entries(ENTRIES).map(async ([entry, file]) => [
    entry,
    await import(new URL(`../../dist/${file}.js`, import.meta.url).href),
  ]);
  return Object.fromEntries(await Promise.all(loaded));
}
