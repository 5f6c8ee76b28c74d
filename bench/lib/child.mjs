// Processes that are told what to do one command at a time.
import { fork } from 'node:child_process';

/** Starts a script; resolves when it says that it is ready. */
export async function startChild(file, { args = [], execArgv = [] } = {}) {
  const child = fork(file, args, { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const open = new Map();
  let lastId = 0;
  let ended = false;
  const end = new Promise((resolve) => child.once('exit', resolve));
  const ready = await new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      ended = true;
      const error = new Error(`${file} ${args.join(' ')} ended with ${code}`);
      reject(error);
      for (const waiter of open.values()) waiter.reject(error);
    });
    child.on('message', (message) => {
      if ('ready' in message) resolve(message.ready);
      else if ('error' in message) open.get(message.id)?.reject(new Error(message.error));
      else open.get(message.id)?.resolve(message.result);
      open.delete(message.id);
    });
  });
  return {
    ready,
    ask(command, input) {
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        open.set(id, { resolve, reject });
        child.send({ id, command, input });
      });
    },
    async stop() {
      if (!ended) child.kill('SIGKILL');
      await end;
    },
  };
}

/** The other side: serves commands in a child, then says that it is ready. */
export function serve(commands, ready = {}) {
  process.on('message', ({ id, command, input }) => {
    Promise.resolve()
      .then(() => commands[command](input))
      .then(
        (result) => process.send({ id, result }),
        (error) => process.send({ id, error: error.stack }),
      );
  });
  process.on('disconnect', () => process.exit());
  process.send({ ready });
}

export const startSink = () => startChild(new URL('sink.mjs', import.meta.url));

/**
 * One client process for each name; what stands before the `-` of a name says which client.
 *
 * @param broker the child that it connects to
 * @param options more options of the clients, by name
 */
export async function startClients(broker, names, options = {}) {
  const clients = {};
  for (const name of names) {
    const [kind] = name.split('-');
    clients[name] = await startChild(new URL('client-process.mjs', import.meta.url), {
      args: [kind, String(broker.ready.port), name, JSON.stringify(options[name] ?? {})],
      execArgv: ['--expose-gc'],
    });
  }
  return clients;
}
