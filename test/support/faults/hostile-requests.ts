import fc from 'fast-check';
import { hostileText, hostileValue } from './hostile-values.js';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | string[];
  readonly enum?: unknown[];
  readonly example?: unknown;
  readonly oneOf?: Schema[];
  readonly anyOf?: Schema[];
  readonly properties?: Record<string, Schema>;
  readonly required?: string[];
  readonly items?: Schema;
}

interface Operation {
  readonly parameters?: { readonly name: string; readonly in: string; readonly schema?: Schema }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> };
}

/** API description, in the form of /openapi.json. */
export interface ApiDescription {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Schema> };
}

export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly headers: Record<string, string>;
}

const MAX_DEPTH = 6;
const MAX_ADDRESS = 14_000;
const HEADERS: Record<string, string>[] = [
  { accept: 'text/csv' },
  { 'content-encoding': 'gzip' },
  { 'idempotency-key': '' },
  { 'idempotency-key': 'x'.repeat(300) },
  { range: 'bytes=0-' },
  { 'if-none-match': '*' },
  { 'content-type': 'application/json; charset=utf-16' },
];

/** Returns requests to every described route: mostly valid, with hostile values in some places. */
export function hostileRequests(api: ApiDescription): fc.Arbitrary<HostileRequest> {
  const requests = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => requestTo(api, method.toUpperCase(), path, operation)),
  );
  return fc.oneof(...requests);
}

function requestTo(
  api: ApiDescription,
  method: string,
  path: string,
  operation: Operation,
): fc.Arbitrary<HostileRequest> {
  const { parameters = [], requestBody } = operation;
  const valueOf = (schema: Schema | undefined): fc.Arbitrary<unknown> =>
    fc.oneof(
      { weight: 2, arbitrary: fc.oneof(hostileValue, hostileText) },
      { weight: 3, arbitrary: like(api, schema ?? {}) },
    );
  const places = parameters.filter((parameter) => parameter.in === 'path');
  const questions = parameters.filter((parameter) => parameter.in === 'query' && parameter.name !== 'apiKey');
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
  const mostly = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
    fc.option(arbitrary, { nil: undefined, freq: 1 });
  return fc
    .record({
      places: fc.tuple(...places.map((parameter) => valueOf(parameter.schema))),
      questions: fc.tuple(...questions.map((parameter) => mostly(valueOf(parameter.schema)))),
      suffix: fc.constantFrom('', '', '', '', '[]', '[__proto__]'),
      body:
        schema === undefined
          ? fc.constant(undefined)
          : fc.oneof({ weight: 20, arbitrary: like(api, schema) }, { weight: 1, arbitrary: hostileValue }),
      headers: fc.oneof(
        { weight: 9, arbitrary: fc.constant({}) },
        { weight: 1, arbitrary: fc.constantFrom(...HEADERS) },
      ),
    })
    .map((made) => {
      const query = questions.flatMap(({ name }, at) =>
        made.questions[at] === undefined ? [] : [`${name}${made.suffix}=${written(made.questions[at])}`],
      );
      const address = places.reduce(
        (text, { name }, at) => text.replace(`{${name}}`, () => written(made.places[at])),
        path,
      );
      return {
        method,
        path: query.length === 0 ? address : `${address}?${query.join('&')}`,
        body: schema === undefined ? undefined : JSON.stringify(made.body),
        headers: { ...(schema === undefined ? {} : { 'content-type': 'application/json' }), ...made.headers },
      };
    });
}

/** Returns the value in the form for a URL; a text that UTF-8 cannot represent becomes invalid bytes. */
function written(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return (text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80').slice(0, MAX_ADDRESS) || '%20';
}

/** Returns values that match the schema, with a hostile value in every tenth place. */
function like(api: ApiDescription, schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 1, arbitrary: hostileValue }, { weight: 10, arbitrary: valid(api, schema, depth) });
}

function valid(api: ApiDescription, schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (depth > MAX_DEPTH) return fc.constant(null);
  if (schema.$ref !== undefined)
    return valid(api, api.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}, depth + 1);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined) return fc.oneof(...choices.map((choice) => valid(api, choice, depth + 1)));
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (schema.properties !== undefined) {
    const members = Object.entries(schema.properties).map(
      ([name, member]) => [name, like(api, member, depth + 1)] as const,
    );
    return fc.record(Object.fromEntries(members), { requiredKeys: schema.required ?? [] });
  }
  if (schema.example !== undefined) return fc.constant(schema.example);
  if (type === 'object') return fc.dictionary(fc.string(), hostileValue, { maxKeys: 3 });
  if (type === 'array') return fc.array(like(api, schema.items ?? {}, depth + 1), { maxLength: 3 });
  if (type === 'boolean') return fc.boolean();
  if (type === 'integer') return fc.integer({ min: 0, max: 50 });
  if (type === 'number') return fc.constantFrom(0, 0.05, 1, 100.5);
  return fc.constantFrom('uniswap-v3', 'ethereum', 'bitcoin', 'tvl', 'price', '2026-11-28T00:00:00Z');
}
