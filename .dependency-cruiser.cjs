// The arrows of the house point down only. One line per layer: what it may import from this package, which packages,
// and whether Node's own modules. Everything that a line does not name is forbidden, with a rule of its own name.
const LAYERS = {
  protocol: { layers: [], packages: [], node: false },
  delivery: { layers: ['protocol'], packages: ['denque'], node: false },
  machines: { layers: ['protocol'], packages: ['xstate'], node: false },
  adapters: {
    layers: ['protocol'],
    packages: ['mqtt', 'mqtt-packet', 'level', 'ws', 'aws4', 'aws4fetch', '@aws-sdk/credential-providers'],
    node: true,
  },
  client: {
    layers: ['machines', 'adapters', 'delivery', 'protocol'],
    packages: ['xstate', 'denque'],
    node: true,
  },
  inspect: {
    layers: ['client', 'machines', 'protocol'],
    packages: ['xstate', 'ws', 'elkjs', '@statelyai/inspect'],
    node: true,
  },
  local: {
    layers: ['client', 'adapters', 'protocol'],
    packages: ['aedes', 'selfsigned', 'mqtt-packet', 'denque', 'ws'],
    node: true,
  },
  testing: {
    layers: ['client', 'machines', 'adapters', 'local', 'protocol'],
    packages: ['xstate', 'mqtt-packet'],
    node: true,
  },
  cli: { layers: ['client', 'local', 'inspect', 'protocol'], packages: ['commander'], node: true },
};

/** All but `stream`, by whose types mqtt.js and we call what a page brings for it. */
const NODE_MODULES = `^(node:)?(${require('node:module')
  .builtinModules.filter((name) => name !== 'stream')
  .join('|')})$`;

const anyOf = (names) => `(${names.join('|')})`;
const layerPaths = (layers) => (layers.length === 0 ? [] : [`^src/${anyOf(layers)}/`]);
const packagePaths = (packages) => (packages.length === 0 ? [] : [`(^|/)node_modules/${anyOf(packages)}/`]);

function rulesOf(layer, { layers, packages, node }) {
  const from = { path: `^src/${layer}/` };
  const rules = [
    {
      name: `${layer}-imports-only-layers-below`,
      comment: `${layer} may import: ${[layer, ...layers].join(', ')}.`,
      severity: 'error',
      from,
      to: { path: '^src/[^/]+/', pathNot: layerPaths([layer, ...layers]) },
    },
    {
      name: `${layer}-imports-only-its-packages`,
      comment: `${layer} may import these packages: ${packages.join(', ') || 'none'}.`,
      severity: 'error',
      from,
      to: { path: '(^|/)node_modules/', pathNot: packagePaths(packages) },
    },
  ];
  if (node) return rules;
  return [
    ...rules,
    {
      name: `${layer}-imports-nothing-of-node`,
      comment: `${layer} runs wherever JavaScript runs.`,
      severity: 'error',
      from,
      to: { dependencyTypes: ['core'] },
    },
  ];
}

module.exports = {
  forbidden: [
    ...Object.entries(LAYERS).flatMap(([layer, allowed]) => rulesOf(layer, allowed)),
    {
      name: 'the-main-entry-shows-client-sign-in-and-errors',
      comment: 'What else users may have, such as the machines, has an entry point of its own.',
      severity: 'error',
      from: { path: '^src/(index|browser)\\.ts$' },
      to: { pathNot: layerPaths(['client', 'adapters', 'protocol']) },
    },
    {
      name: 'a-page-reaches-nothing-of-node',
      comment: 'A bundler would put something empty in its place, and the page would fail where it is used.',
      severity: 'error',
      from: { path: '^src/(inspect/)?browser\\.ts$' },
      to: { path: [NODE_MODULES, ...packagePaths(['ws', 'aws4', 'level'])], reachable: true },
    },
    {
      name: 'a-page-has-only-the-types-of-streams-and-packets',
      comment:
        'The rule above cannot tell types from code; and mqtt.js brings a copy of mqtt-packet to pages already.',
      severity: 'error',
      from: { path: '^src/adapters/', pathNot: '^src/adapters/ws-stream\\.ts$' },
      to: {
        path: ['^(node:)?stream$', ...packagePaths(['mqtt-packet'])],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'nothing-imports-an-entry-point-of-the-package',
      comment: 'src/index.ts is for users; inside, import the part that is meant.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/(index|browser)\\.ts$' },
    },
    {
      name: 'every-file-has-a-layer',
      comment: 'A new folder under src/ needs its line in LAYERS.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(index|browser)\\.ts$', ...layerPaths(Object.keys(LAYERS))] },
      to: {},
    },
    {
      name: 'optional-packages-are-loaded-on-demand',
      comment:
        'Who did not install an optional peer gets the error that names the command, not a failed import.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        path: packagePaths([
          'aedes',
          'level',
          'selfsigned',
          'elkjs',
          '@statelyai/inspect',
          '@aws-sdk/credential-providers',
        ]),
        dependencyTypesNot: ['type-only', 'dynamic-import'],
      },
    },
    {
      name: 'src-needs-no-development-dependency',
      comment: 'What only we have installed is missing at the user.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'every-import-resolves',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'every-package-is-declared',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'undetermined'],
        dependencyTypesNot: ['npm-peer'],
      },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      extensions: ['.ts', '.d.ts', '.js'],
    },
  },
};
