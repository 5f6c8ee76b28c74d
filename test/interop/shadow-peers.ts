// The clients that a shadow can have, ours and those of AWS, each behind the same face.
import { expect } from 'vitest';

import { type IotClientOptions, IotError, type Shadow, ShadowRejectedError } from '../../src/index.ts';
import type { LocalIotCore, LocalShadowAddress } from '../../src/local/index.ts';
import { describe as quoted } from '../../src/protocol/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/protocol/shadow-state.ts';
import type { Delta, Documents, Outcome, Request } from './shadow-script.ts';
import { IMPATIENT, Inbox, makeClient } from './support.ts';

/** A client with one shadow, of which it hears all that there is to hear. */
export interface Peer {
  /** As they came: `deltaOf` reads one. */
  readonly deltas: Inbox<unknown>;
  /** As they came: `documentsOf` reads them. Undefined when it cannot have them. */
  readonly documents: Inbox<unknown> | undefined;
  readonly ask: (request: Request) => Promise<Outcome>;
}

/** Ours, and what our own API has beside that. */
export interface OurPeer extends Peer {
  readonly shadow: Shadow;
  readonly documents: Inbox<unknown>;
}

export async function ourPeer(
  core: LocalIotCore,
  { thingName, shadowName }: LocalShadowAddress,
  options: { readonly persistent?: boolean; readonly topics?: 'wildcard' | 'exact' } = {},
  clientOptions: Partial<IotClientOptions> = {},
): Promise<OurPeer> {
  const client = makeClient({ ...core.deviceOptions('ours'), ...IMPATIENT, ...clientOptions });
  await client.connect();
  const name = shadowName === undefined ? {} : { name: shadowName };
  const shadow = client.shadow(thingName, { ...name, ...options });
  const deltas = new Inbox();
  const documents = new Inbox();
  shadow.onDelta(deltas.put);
  shadow.onDocuments(documents.put);
  await shadow.whenSynced();
  return { shadow, deltas, documents, ask: (request) => askOurs(shadow, request) };
}

async function askOurs(shadow: Shadow, { operation, state, version }: Request): Promise<Outcome> {
  try {
    switch (operation) {
      case 'get': {
        const document = await shadow.get();
        return document === undefined ? { nothing: true } : { accepted: bare(document) };
      }
      case 'update':
        return {
          accepted: bare(await shadow.update(state ?? null, version === undefined ? {} : { version })),
        };
      case 'delete':
        return { accepted: { version: await shadow.delete() } };
    }
  } catch (error) {
    if (error instanceof ShadowRejectedError) return rejectedOf(error);
    if (IotError.is(error)) return { failed: error.code };
    throw error;
  }
}

function rejectedOf(error: ShadowRejectedError): Outcome {
  const { operation, reasonCode: code, message } = error;
  const start = `the ${operation} was rejected: ${code} `;
  const said = JSON.parse(message.slice(start.length)) as string;
  expect(message).toBe(start + quoted(said));
  return { rejected: { code, message: said } };
}

/** The console of the core. */
export function consolePeer(core: LocalIotCore, address: LocalShadowAddress): Pick<Peer, 'ask'> {
  const ask = ({ operation, ...request }: Request): object | undefined => {
    if (operation === 'get') return core.shadows.get(address);
    if (operation === 'delete') return core.shadows.delete(address);
    return core.shadows.update(address, { state: null, ...request });
  };
  return {
    // Whoever does a step in its place waits as for any other.
    ask: async (request) => {
      try {
        const body = await Promise.resolve(ask(request));
        return body === undefined ? { nothing: true } : { accepted: bare(body) };
      } catch (error) {
        if (error instanceof ShadowRejectedError) return rejectedOf(error);
        throw error;
      }
    },
  };
}

export const deltaOf = (body: unknown): Delta => bare(body) as JsonObject & Delta;

/**
 * What is the same whoever asks, and whenever. What is left out is checked: each value of the state has its time in the
 * metadata, and there is no other.
 */
export function bare(body: unknown): JsonObject {
  const { clientToken: _token, timestamp, metadata, ...rest } = body as JsonObject;
  expect(timestamp).toEqual(expect.any(Number));
  if ('state' in rest) expect(metadata).toEqual(stamps(rest['state']));
  return rest;
}

export function documentsOf(body: unknown): Documents {
  const { clientToken: _token, timestamp, previous, current, ...rest } = body as JsonObject;
  expect(timestamp).toEqual(expect.any(Number));
  const version = (one: JsonValue | undefined): unknown =>
    isJsonObject(one) && bare({ ...one, timestamp: 0 });
  return {
    ...rest,
    previous: previous === null ? null : version(previous),
    current: version(current),
  } as Documents;
}

function stamps(value: JsonValue): unknown {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(stamps);
  if (!isJsonObject(value)) return { timestamp: expect.any(Number) as unknown };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, stamps(inner)]));
}
