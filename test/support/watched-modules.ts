import { vi } from 'vitest';
import type * as Clients from '../../src/client/client.ts';
import type * as Issued from '../../src/local/issued-credentials.ts';
import type * as Machine from '../../src/machines/client.machine.ts';
import type * as Errors from '../../src/protocol/errors.ts';
import { secret, secretKey } from './canaries.ts';
import { sawClient, sawError, sawInspected } from './witness.ts';

/**
 * Puts the witness between the tests and the few modules that all which it has to see comes from. Each is only loaded when
 * a test loads it, and stays what it is but for what is said here. A test that calls `vi.resetModules()` for another copy
 * calls this too, or it gets the same copy again.
 */
export function watchModules(): void {
  vi.doMock('../../src/protocol/errors.ts', async (load) => watchedErrors(await load<typeof Errors>()));
  vi.doMock('../../src/machines/client.machine.ts', async (load) =>
    watchedMachine(await load<typeof Machine>()),
  );
  vi.doMock('../../src/client/client.ts', async (load) => watchedClients(await load<typeof Clients>()));
  vi.doMock('../../src/local/issued-credentials.ts', async (load) =>
    watchedIssuing(await load<typeof Issued>()),
  );
  vi.doMock('selfsigned', async (load) => watchedKeys(await load<typeof import('selfsigned')>()));
}

class WatchedError extends Error {
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    sawError(this);
  }
}

function watchedErrors(errors: typeof Errors): typeof Errors {
  // Its `super()` calls what its prototype is at that time.
  Object.setPrototypeOf(errors.IotError, WatchedError);
  return errors;
}

function watchedMachine(machine: typeof Machine): typeof Machine {
  const { clientMachine } = machine;
  const initial = clientMachine.getInitialSnapshot.bind(clientMachine);
  // The first thing that an actor asks of its machine, before the actors beneath it are made.
  clientMachine.getInitialSnapshot = (scope, input) => {
    scope.system.inspect(sawInspected);
    return initial(scope, input);
  };
  return machine;
}

async function watchedClients(clients: typeof Clients): Promise<typeof Clients> {
  const { actorOf } = await import('../../src/machines/actor-of.ts');
  return {
    ...clients,
    createIotClient(options) {
      const client = clients.createIotClient(options);
      sawClient(client, actorOf(client));
      return client;
    },
  };
}

function watchedIssuing(issued: typeof Issued): typeof Issued {
  const { prototype } = issued.IssuedCredentials;
  const issue = Object.getOwnPropertyDescriptor(prototype, 'issue')?.value as typeof prototype.issue;
  prototype.issue = function (...parameters) {
    const credentials = issue.apply(this, parameters);
    secret(credentials.secretAccessKey);
    if (credentials.sessionToken !== undefined) secret(credentials.sessionToken);
    return credentials;
  };
  return issued;
}

/** Certificate authorities, of the tests and of local cores, make their keys with this package. */
function watchedKeys(selfsigned: typeof import('selfsigned')): typeof import('selfsigned') {
  return {
    ...selfsigned,
    async generate(...parameters) {
      const made = await selfsigned.generate(...parameters);
      secretKey(made.private);
      return made;
    },
  };
}
