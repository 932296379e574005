import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

/**
 * Sends the same hostile inputs to every REST route of the OpenAPI document. The answer must always be a documented one:
 * never 5xx, errors always as problem+json, and without SQL or internals of the server.
 */
let app: TestApp;
let routes: { method: string; path: string }[];

const STRINGS = [
  "'; DROP TABLE protocols; --",
  '<script>alert(1)</script>',
  '../../../../etc/passwd',
  '%00',
  '\u0000',
  '‮𝕬',
  'a'.repeat(5_000),
  'NaN',
  'Infinity',
  '-1',
  '1e309',
  '{}',
  '[object Object]',
  '2026-W01-1',
  '9999-12-31T23:59:59-23:59',
];

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
};

const BODIES: [string, string | Buffer, string][] = [
  ['nothing', '', 'application/json'],
  ['not JSON', '{"items": [', 'application/json'],
  ['a number', '42', 'application/json'],
  ['null', 'null', 'application/json'],
  ['an array', '[1,2,3]', 'application/json'],
  ['a string', '"text"', 'application/json'],
  [
    'unknown fields',
    '{"no_such_field": 1, "__proto__": {"admin": true}, "constructor": {"prototype": {}}}',
    'application/json',
  ],
  [
    'wrong types',
    '{"items": "no", "name": {}, "role": 7, "message": [], "type": {}, "userId": [], "filter": 3}',
    'application/json',
  ],
  ['not a number', '{"items": [{"protocol": "p", "chain": "c", "tvl": NaN}]}', 'application/json'],
  [
    'infinity',
    '{"items": [{"protocol": "p", "chain": "c", "tvl": 1e999, "token": "t", "price": 1e999}]}',
    'application/json',
  ],
  [
    'negative',
    '{"items": [{"protocol": "p", "chain": "c", "tvl": -1, "token": "t", "price": -1}]}',
    'application/json',
  ],
  [
    'SQL in strings',
    JSON.stringify({ items: [{ protocol: STRINGS[0], chain: STRINGS[0], tvl: 1 }], name: STRINGS[0] }),
    'application/json',
  ],
  ['too deep', JSON.stringify(deep(3_000)), 'application/json'],
  ['too long', JSON.stringify({ name: 'x'.repeat(300_000), items: [] }), 'application/json'],
  ['binary', Buffer.from([0xff, 0xfe, 0x00, 0x01, 0x80]), 'application/octet-stream'],
  ['binary said to be JSON', Buffer.from([0xff, 0xfe, 0x00, 0x01, 0x80]), 'application/json'],
  ['an unknown charset', '{}', 'application/json; charset=klingon'],
  ['a form', 'a=1&b=2', 'application/x-www-form-urlencoded'],
];

beforeAll(async () => {
  app = await createTestApp({ settings: { LIMIT_API_REQUESTS: 'none=0,free=0,pro=0,enterprise=0' } });
  const document = (await (await fetch(`${app.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
});

afterAll(async () => {
  await app?.close();
});

interface Answer {
  status: number;
  type: string;
  text: string;
}

async function send(method: string, path: string, body?: string | Buffer, contentType?: string): Promise<Answer> {
  const answer = await fetch(`${app.url}${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${app.adminKey}`,
      ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
    },
    ...(body === undefined ? {} : { body: body as string }),
    signal: AbortSignal.timeout(10_000),
  });
  const type = answer.headers.get('content-type') ?? '';
  if (type.includes('text/event-stream')) {
    await answer.body?.cancel();
    return { status: answer.status, type, text: '' };
  }
  return { status: answer.status, type, text: await answer.text() };
}

function faultOf(answer: Answer): string | undefined {
  if (answer.status >= 500) return `answered ${answer.status}: ${answer.text.slice(0, 300)}`;
  if (answer.status < 400) return undefined;
  if (!answer.type.includes('application/problem+json')) return `answered ${answer.status} as ${answer.type}`;
  const problem = JSON.parse(answer.text) as Record<string, unknown>;
  for (const field of ['type', 'title', 'status', 'detail', 'code']) {
    if (problem[field] === undefined) return `answered a problem without ${field}`;
  }
  if (/at .*\.[jt]s:\d+|syntax error at|relation "|node_modules/.test(answer.text))
    return `leaked its inside: ${answer.text.slice(0, 300)}`;
  return undefined;
}

const fill = (path: string, value: string): string => path.replaceAll(/\{[^}]+\}/g, encodeURIComponent(value));

interface Attempt {
  what: string;
  method: string;
  path: string;
  body?: string | Buffer;
  type?: string;
}

/** Makes all attempts, a few at a time, and returns those with a wrong answer. */
async function attack(attempts: Attempt[]): Promise<string[]> {
  const faults: string[] = [];
  const queue = attempts.values();
  const worker = async (): Promise<void> => {
    for (const { what, method, path, body, type } of queue) {
      const fault = faultOf(await send(method, path, body, type));
      if (fault !== undefined) faults.push(`${method} ${path.slice(0, 120)} with ${what}: ${fault}`);
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  return faults;
}

const PARAMETERS =
  'limit cursor since from to interval types chain protocol token threshold window q sort exact unknown'.split(' ');
const BAD_QUERIES = ['limit=10&limit=20', 'limit[a]=1', 'filter[a][b]=c', '%', '&&&==='];

describe('hostile input', () => {
  test('the OpenAPI document has more than 30 routes', () => {
    expect(routes.length).toBeGreaterThan(30);
  });

  test('every kind of bad body receives a documented error on every route with a body', async () => {
    const attempts = routes
      .filter(({ method }) => method !== 'GET' && method !== 'HEAD')
      .flatMap(({ method, path }) =>
        BODIES.map(([what, body, type]) => ({ what, method, path: fill(path, 'nobody'), body, type })),
      );
    expect(await attack(attempts)).toEqual([]);
  });

  test('every kind of bad path parameter receives a documented error', async () => {
    const attempts = routes
      .filter(({ path }) => path.includes('{'))
      .flatMap(({ method, path }) =>
        STRINGS.map((value) => ({
          what: JSON.stringify(value.slice(0, 40)),
          method,
          path: fill(path, value),
          ...(method === 'GET' ? {} : { body: '{}', type: 'application/json' }),
        })),
      );
    expect(await attack(attempts)).toEqual([]);
  });

  test('every kind of bad query parameter receives a documented error', async () => {
    const named = PARAMETERS.flatMap((name) => STRINGS.map((value) => `${name}=${encodeURIComponent(value)}`));
    const attempts = routes
      .filter(({ method }) => method === 'GET')
      .flatMap(({ method, path }) =>
        [...named, ...BAD_QUERIES].map((query) => ({
          what: 'a bad query',
          method,
          path: `${fill(path, 'nobody')}?${query}`,
        })),
      );
    expect(await attack(attempts)).toEqual([]);
  }, 120_000);

  test('the server is healthy and the tables exist after all bad requests', async () => {
    expect((await fetch(`${app.url}/health/ready`)).status).toBe(200);
    expect((await app.db.pool.query('SELECT count(*) FROM protocols')).rowCount).toBe(1);
  });
});
