import { randomUUID } from 'node:crypto';

import type { ShadowAddress, ShadowOperationKind } from '../protocol/shadow-topics.ts';
import { type HttpAnswer, HttpDoor, type HttpRequest } from './http-door.ts';
import { readQuery } from './query.ts';
import { errorType, nameFault, ShadowRefusal } from './shadow-errors.ts';
import type { ShadowReply, ShadowService } from './shadow-service.ts';

export interface ShadowHttpPorts {
  readonly service: ShadowService;
  readonly longestBodyBytes: number;
  readonly warn: (what: string) => void;
}

const OPERATIONS: Readonly<Record<string, ShadowOperationKind>> = {
  GET: 'get',
  POST: 'update',
  DELETE: 'delete',
};
const PATH = /^\/things\/([^/]+)\/shadow$/;
const ERROR_TYPE = 'x-amzn-ErrorType';
const REQUEST_ID = 'x-amzn-RequestId';

/**
 * The shadow service over HTTP. It asks for no signature: who is on the loopback is believed.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-rest-api.html
 */
export function shadowDoor(port: number, ports: ShadowHttpPorts): HttpDoor {
  return new HttpDoor(port, {
    service: 'the shadows',
    methods: Object.keys(OPERATIONS),
    longestBodyBytes: ports.longestBodyBytes,
    exposedHeaders: [ERROR_TYPE, REQUEST_ID],
    answer: (request) => answer(request, ports.service),
    warn: ports.warn,
  });
}

async function answer({ method, url, body }: HttpRequest, service: ShadowService): Promise<HttpAnswer> {
  try {
    const address = addressIn(url);
    const operation = Object.hasOwn(OPERATIONS, method) ? OPERATIONS[method] : undefined;
    if (operation === undefined) throw new ShadowRefusal(405);
    if (body === undefined) throw new ShadowRefusal(413);
    // AWS reads nothing in the body of the other two.
    const payload = operation === 'update' ? body : Buffer.alloc(0);
    return answerOf(await new Promise((resolve) => service.requested(address, operation, payload, resolve)));
  } catch (error) {
    if (error instanceof ShadowRefusal) return answerOf({ refusal: error, body: {} });
    throw error;
  }
}

/** @throws ShadowRefusal */
function addressIn(url: string): ShadowAddress {
  const [path = '', ...query] = url.split('?');
  const thing = PATH.exec(path)?.[1];
  if (thing === undefined) throw new ShadowRefusal(404, 'There are only /things/{thing}/shadow');
  const parameters = readQuery(query.join('?'));
  if (parameters === undefined) throw new ShadowRefusal(400, 'The query is not percent-encoded');
  const shadowName = parameters.find(([name]) => name === 'name')?.[1];
  const address = { thingName: decoded(thing), shadowName };
  const fault = nameFault(address);
  if (fault !== undefined) throw fault;
  return address;
}

/** As it is, when it is not encoded properly: then it is no name either. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function answerOf({ refusal, body }: ShadowReply): HttpAnswer {
  const headers = { 'Content-Type': 'application/json', [REQUEST_ID]: randomUUID() };
  if (refusal === undefined) return { status: 200, headers, body };
  const { code, message } = refusal;
  return { status: code, headers: { ...headers, [ERROR_TYPE]: errorType(code) }, body: { message } };
}
