import { randomUUID } from 'node:crypto';

import { describe } from '../protocol/errors.ts';
import { type HttpAnswer, HttpDoor, type HttpRequest } from './http-door.ts';
import { CognitoError, type IdentityPool } from './identity-pool.ts';

export interface CognitoPorts {
  readonly pool: IdentityPool;
  readonly warn: (what: string) => void;
}

const SERVICE = 'AWSCognitoIdentityService.';
const CONTENT_TYPE = 'application/x-amz-json-1.1';
const REQUEST_ID = 'x-amzn-RequestId';

/** The HTTP endpoint of Amazon Cognito identity pools, in the protocol AWS JSON 1.1, for devices and for pages. */
export function cognitoDoor(port: number, ports: CognitoPorts): HttpDoor {
  return new HttpDoor(port, {
    service: 'Cognito',
    methods: ['POST'],
    longestBodyBytes: 256 * 1024,
    exposedHeaders: [REQUEST_ID],
    answer: (request) => answer(request, ports),
    warn: ports.warn,
  });
}

function answer({ method, headers, body: input }: HttpRequest, { pool, warn }: CognitoPorts): HttpAnswer {
  if (method !== 'POST') return { status: 405 };
  if (input === undefined) return { status: 413 };
  const answered = { 'Content-Type': CONTENT_TYPE, [REQUEST_ID]: randomUUID() };
  const target = headers['x-amz-target'];
  const operation = typeof target === 'string' && target.startsWith(SERVICE) ? target : SERVICE;
  try {
    const body = pool.answer(operation.slice(SERVICE.length), parse(input.toString()));
    return { status: 200, headers: answered, body };
  } catch (error) {
    if (!(error instanceof CognitoError)) throw error;
    const { type, message } = error;
    warn(`refused a request to Cognito with ${type}: ${describe(message)}`);
    return { status: 400, headers: answered, body: { __type: type, message } };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
