// What a document names must be there: linked files and headings, npm scripts, flags of commands, entry points of this
// package; each guide must be in the index of guides, and the changelog must know the version. Prints what is missing.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const { name, version, scripts, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Commands of npm itself, as far as documents use them. */
const NPM_COMMANDS = new Set(['ci', 'install', 'pack', 'publish', 'run']);
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'docs-site', 'coverage', '.git']);

function documentsIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : documentsIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** The anchor that the usual renderers give to a heading. */
function anchorOf(heading) {
  const words = heading.trim().toLowerCase();
  return words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
}

function anchorsIn(text) {
  return new Set([...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading)));
}

function withoutCode(text) {
  return text.replace(/^```.*?^```/gms, '');
}

function* missingLinks(text, path) {
  for (const [, target] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file, anchor] = target.split('#');
    const linked = file === '' ? path : join(dirname(path), file);
    if (!existsSync(linked)) yield `link to ${target}`;
    else if (anchor && !anchorsIn(readFileSync(linked, 'utf8')).has(anchor)) yield `heading ${target}`;
  }
}

function* missingScripts(text) {
  for (const [, script] of text.matchAll(/\bnpm run ([\w:-]+)/g)) {
    if (!(script in scripts)) yield `npm run ${script}`;
  }
  for (const [, command] of text.matchAll(/`npm (\w+)/g)) {
    if (!(command in scripts) && !NPM_COMMANDS.has(command)) yield `npm ${command}`;
  }
}

/** Where the flags of a command stand: a file or a folder. */
const COMMANDS = [
  [/npx aws-iot-machines((?: +[^\s#`]+)*)/g, 'src/cli'],
  [/npm start --((?: +[^\s#`]+)*)/g, 'src/cli'],
  [/npm run chaos --((?: +[^\s#`]+)*)/g, 'test/chaos/run.mjs'],
  [/node examples\/[\w-]+\/main\.mjs((?: +[^\s#`]+)*)/g, 'examples'],
];

function sourceOf(path) {
  if (!statSync(path).isDirectory()) return readFileSync(path, 'utf8');
  const files = readdirSync(path).filter((name) => name !== 'node_modules' && !name.endsWith('.md'));
  return files.map((name) => sourceOf(join(path, name))).join('\n');
}

function* missingFlags(text) {
  const joined = text.replace(/\\\n\s*/g, ' ');
  for (const [pattern, where] of COMMANDS) {
    for (const match of joined.matchAll(pattern)) {
      const source = sourceOf(join(root, where));
      for (const [flag] of match[1].matchAll(/(?<= )--[a-z][\w-]*/g)) {
        if (!source.includes(flag)) yield `flag ${flag} of ${match[0]}`;
      }
    }
  }
}

function* missingEntryPoints(text) {
  for (const [, entry] of text.matchAll(new RegExp(`from '${name}(/[\\w/]+)?'`, 'g'))) {
    if (!(`.${entry ?? ''}` in exports)) yield `entry point ${name}${entry}`;
  }
}

const missing = documentsIn(root).flatMap((path) => {
  const text = readFileSync(path, 'utf8');
  const all = [
    ...missingLinks(text, path),
    ...missingScripts(text),
    ...missingFlags(text),
    ...missingEntryPoints(text),
  ];
  return all.map((what) => `${relative(root, path)}: ${what}`);
});
const index = readFileSync(join(root, 'docs/README.md'), 'utf8');
for (const guide of readdirSync(join(root, 'docs'))) {
  if (guide.endsWith('.md') && guide !== 'README.md' && !index.includes(`](${guide})`))
    missing.push(`docs/README.md: ${guide}`);
}
if (!readFileSync(join(root, 'CHANGELOG.md'), 'utf8').includes(`## ${version}`)) {
  missing.push(`CHANGELOG.md: version ${version}`);
}

for (const line of missing) console.error(`missing: ${line}`);
process.exitCode = missing.length === 0 ? 0 : 1;
