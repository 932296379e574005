import type { INestApplication } from '@nestjs/common';
import { MetadataScanner, ModulesContainer, Reflector } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';
import { ERROR_CODES } from '../errors/domain-error.js';
import { PUBLIC_ROUTE, type PublicKind } from '../request/public.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Response = NonNullable<NonNullable<OpenAPIObject['components']>['responses']>[string];
type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

/** Descriptions of refusals that many routes share. A route documents other statuses itself, or `default` covers them. */
const REFUSALS = {
  400: 'The request is not valid; `errors` lists the faulty fields.',
  401: 'The key is missing, not valid, revoked or expired.',
  403: 'The role or the allowed transports of this key do not permit the request.',
  404: 'Not found, or owned by another user.',
  413: 'The body is larger than this route accepts.',
  429: 'Too many requests; see Retry-After.',
  503: 'Temporarily unavailable, or the server is draining; see Retry-After.',
  default: 'Any other refusal; `code` names the reason.',
} as const;
type Refusal = keyof typeof REFUSALS;
const ALL: readonly Refusal[] = [400, 401, 403, 404, 413, 429, 503, 'default'];

const PROBLEM = { $ref: '#/components/schemas/Problem' };
const PROBLEM_JSON = 'application/problem+json';
const text = (description: string): Schema => ({ type: 'string', description });

/** Schema of `Problem` in platform/errors, the body of every refused request. */
const PROBLEM_SCHEMA: Schema = {
  type: 'object',
  description: 'Refused request, RFC 9457.',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
  properties: {
    type: text('`urn:defi-realtime:error:` followed by the code.'),
    title: text('Meaning of the code.'),
    status: { type: 'integer', description: 'HTTP status.' },
    detail: text('Description of the fault and of its remedy.'),
    instance: text('Path of the request.'),
    code: { type: 'string', enum: Object.keys(ERROR_CODES), description: 'Stable code.' },
    errors: {
      type: 'array',
      description: 'Faults of the input.',
      items: {
        type: 'object',
        required: ['pointer', 'code', 'detail'],
        properties: {
          pointer: text('JSON pointer into the body, or `?name` for a query parameter.'),
          code: text('Stable code of the fault.'),
          detail: text('Description of the fault and of its remedy.'),
        },
      },
    },
  },
};

const RETRY = { 'Retry-After': { description: 'Seconds until a retry.', schema: { type: 'integer' } } } as const;
const isRetryable = (refusal: Refusal): boolean => refusal === 429 || refusal === 503;
const nameOf = (refusal: Refusal): string => `Refused${refusal === 'default' ? '' : refusal}`;

/**
 * Adds the shared refusals to every operation: those of the API-key guard, of limits, of validation and of an unavailable
 * server. A description that a route gives for a status itself stays.
 */
export function withRefusals(document: OpenAPIObject, app: INestApplication): OpenAPIObject {
  const kinds = publicKinds(app);
  for (const [path, item] of Object.entries(document.paths)) {
    for (const operation of [item.get, item.post, item.put, item.patch, item.delete, item.head]) {
      if (operation === undefined) continue;
      const kind = kinds.get(operation.operationId ?? '');
      for (const refusal of refusalsOf(path, operation, kind)) describe(operation, refusal);
    }
  }
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: PROBLEM_SCHEMA },
    responses: Object.fromEntries(ALL.map((refusal) => [nameOf(refusal), responseOf(refusal)])),
  };
  return document;
}

/**
 * Returns the refusals of a route. A route with a `kind` needs no key, except the kind `itself`, whose handler checks the
 * key.
 */
function refusalsOf(path: string, operation: Operation, kind: PublicKind | undefined): Refusal[] {
  const isKeyed = kind === undefined || kind === 'itself';
  const hasBody = operation.requestBody !== undefined;
  const applies: Readonly<Record<Refusal, boolean>> = {
    400: hasBody || (operation.parameters ?? []).length > 0,
    401: isKeyed,
    403: isKeyed,
    404: path.includes('{'),
    413: hasBody,
    429: true,
    503: isKeyed || kind === 'keyless',
    default: true,
  };
  return ALL.filter((refusal) => applies[refusal]);
}

function describe({ responses }: Operation, refusal: Refusal): void {
  const own = responses[refusal];
  if (own === undefined) responses[refusal] = { $ref: `#/components/responses/${nameOf(refusal)}` };
  else if (!('$ref' in own) && own.content === undefined) own.content = { [PROBLEM_JSON]: { schema: PROBLEM } };
  else if (!('$ref' in own) && own.content?.[PROBLEM_JSON]) own.content[PROBLEM_JSON].schema ??= PROBLEM;
}

function responseOf(refusal: Refusal): Response {
  const content = { [PROBLEM_JSON]: { schema: PROBLEM } };
  return { description: REFUSALS[refusal], content, ...(isRetryable(refusal) && { headers: RETRY }) };
}

/** Returns the `PublicKind` of each route that needs no key, by operation id. */
function publicKinds(app: INestApplication): ReadonlyMap<string, PublicKind> {
  const [reflector, scanner] = [app.get(Reflector), new MetadataScanner()];
  const kinds = new Map<string, PublicKind>();
  for (const { controllers } of app.get(ModulesContainer).values()) {
    for (const { metatype } of controllers.values()) {
      if (typeof metatype !== 'function') continue;
      const prototype: object = metatype.prototype;
      for (const name of scanner.getAllMethodNames(prototype)) {
        const handler: unknown = Reflect.get(prototype, name);
        if (typeof handler !== 'function') continue;
        const kind = reflector.getAllAndOverride<PublicKind | undefined>(PUBLIC_ROUTE, [handler, metatype]);
        if (kind !== undefined) kinds.set(`${metatype.name}_${name}`, kind);
      }
    }
  }
  return kinds;
}
