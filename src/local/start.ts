import { Changes } from '../protocol/changes.ts';
import { systemClock } from '../protocol/clock.ts';
import { letsIn } from './authorizer.ts';
import { type Broker, startBroker } from './broker.ts';
import { createCertificateAuthority } from './certificates.ts';
import { LocalIotCore } from './core.ts';
import { deviationsFrom } from './deviations.ts';
import { limitsFrom } from './limits.ts';
import { checkOptions, type LocalIotCoreOptions } from './options.ts';
import { Policy } from './policy.ts';
import { ShadowDirectory } from './shadow-directory.ts';
import { ShadowFaults } from './shadow-faults.ts';
import { ShadowService } from './shadow-service.ts';
import { ShadowStore } from './shadow-store.ts';
import { emitWarning, type LocalIotCoreWarning } from './warning.ts';

/**
 * Starts a local AWS IoT Core on the loopback: an MQTT broker that keeps AWS's rules and knows AWS's ways to sign in, shows
 * every packet, and fails on demand. For development, tests and demos.
 */
export async function startLocalIotCore(options: LocalIotCoreOptions = {}): Promise<LocalIotCore> {
  checkOptions(options);
  const { onWarning: warn = emitWarning, directory } = options;
  const warnOf = (what: string): void => {
    warn({ code: 'REFUSED', clientId: undefined, message: `the local core ${what}` });
  };
  const store = new ShadowStore(directory === undefined ? undefined : new ShadowDirectory(directory, warnOf));
  try {
    // Before the certificates: of two cores that start at once in a new directory, one is refused before it makes any.
    store.open();
    const core = await assemble(options, { store, warn, warnOf });
    await listen(core);
    return core;
  } catch (error) {
    store.close();
    throw error;
  }
}

interface Assembly {
  readonly store: ShadowStore;
  readonly warn: (warning: LocalIotCoreWarning) => void;
  readonly warnOf: (what: string) => void;
}

async function assemble(
  options: LocalIotCoreOptions,
  { store, warn, warnOf }: Assembly,
): Promise<LocalIotCore> {
  const limits = limitsFrom(options.limits ?? {});
  const deviations = deviationsFrom(options.deviations ?? {});
  const { clock = systemClock } = options;
  const changes = new Changes(setImmediate);
  const authority = await createCertificateAuthority({ directory: options.directory, warn });
  const broker: Broker = await startBroker({
    limits,
    deviations,
    clock,
    changed: () => changes.changed(),
    grants: (connection, filter) => policy.grants(connection, filter),
    receives: (connection, topic) => policy.receives(connection, topic),
    letsIn: (connection, signIn) =>
      letsIn(connection.unsigned, signIn, { authorizer: options.authorizer, warn }),
    published: (connection, topic, payload) => shadows.published(connection, topic, payload),
    warn,
  });
  const policy: Policy = new Policy({
    limits,
    deviations,
    clock,
    warn,
    authorize: options.authorize ?? (() => true),
    subscriptionsOf: (connection) => broker.filtersOf(connection),
  });
  const shadowFaults = new ShadowFaults();
  const shadows: ShadowService = new ShadowService({
    limits,
    faults: shadowFaults,
    store,
    clock,
    wallClock: () => core.faults.wallClock(),
    publish: (topic, payload) => void broker.publish(topic, payload, 1, false).catch(() => {}),
    changed: () => changes.changed(),
    warn: warnOf,
  });
  const parts = { broker, authority, policy, limits, clock, changes, shadows, shadowFaults, warn };
  const core: LocalIotCore = new LocalIotCore(options, parts);
  return core;
}

async function listen(core: LocalIotCore): Promise<void> {
  try {
    await core.faults.listen();
  } catch (error) {
    await core.stop();
    throw error;
  }
}
