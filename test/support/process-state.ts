/** What all files that one process tests share: each leaves it as it was. Packages may add globals: they stay loaded. */
export function processState(): ReadonlyMap<string, string | number> {
  const environment = Object.entries(process.env).map(
    ([name, value]) => [`env ${name}`, value ?? ''] as const,
  );
  const listeners = process
    .eventNames()
    .map((name) => [`listeners of ${String(name)}`, process.listenerCount(name)] as const);
  return new Map<string, string | number>([['folder', process.cwd()], ...environment, ...listeners]);
}

/** One line for each thing that is not as it was `before`. It says the name and not the value, which may be a secret. */
export function changedSince(before: ReadonlyMap<string, string | number>): string[] {
  const now = processState();
  const names = new Set([...before.keys(), ...now.keys()]);
  return [...names].filter((name) => before.get(name) !== now.get(name)).map((name) => `changed: ${name}`);
}
