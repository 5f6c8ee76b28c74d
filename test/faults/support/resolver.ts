import dns from 'node:dns';
import { isIPv6 } from 'node:net';
import { vi } from 'vitest';

/** As `net.connect` asks: for all addresses. */
type Lookup = (
  name: string,
  options: dns.LookupOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses?: dns.LookupAddress[]) => void,
) => void;

/** Stands in for the resolver of the system, which asks beyond the loopback. Ends with the test. */
export interface Resolver {
  /** The names that were asked for, in order. */
  readonly asked: readonly string[];
  /** From now on it gives these addresses, in this order; without any it never answers. */
  answer(...addresses: readonly string[]): void;
}

/** @param code what it fails with until it is told to answer; by default it never answers */
export function resolver(code?: string): Resolver {
  const asked: string[] = [];
  let addresses: readonly string[] = [];
  let failsWith = code;
  const lookup: Lookup = (name, _options, callback) => {
    asked.push(name);
    const failure = failsWith;
    const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
    if (failure !== undefined)
      setImmediate(() => callback(Object.assign(new Error(failure), { code: failure })));
    else if (found.length > 0) setImmediate(() => callback(null, found));
  };
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as never);
  return {
    asked,
    answer: (...given) => {
      addresses = given;
      failsWith = undefined;
    },
  };
}
