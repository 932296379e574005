import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MarketWriter } from '../support/data/market-writer.js';
import { AppProcess } from '../support/servers/app-process.js';
import { serverPort } from '../support/servers/server-port.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

interface Content {
  schema: { $ref?: string };
  examples?: Record<string, { value: object }>;
}
interface Operation {
  parameters?: { name: string; in: string; description?: string; schema?: { format?: string } }[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { content?: Record<string, Content> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties?: { data?: { type?: string } } }> };
}

const KEY = 'rta_answers_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

let db: TestDatabase;
let app: AppProcess;
let document: Document;
let ajv: Ajv2020;

beforeAll(async () => {
  // The built product is started, because only the build writes the types of members into the OpenAPI document.
  db = await createTestDatabase();
  const settings = { DATABASE_URL: db.url, SECRETS_KEY: 'a key that only tests use', BOOTSTRAP_ADMIN_KEY: KEY };
  app = new AppProcess(await serverPort(), { ...settings, LIMIT_API_REQUESTS: 'enterprise=0', DRAIN_SECONDS: '0' });
  await app.start();
  const market = new MarketWriter(db.pool);
  await market.protocol('aave-v3', 'Aave V3', { category: 'Lending' });
  await market.chains('aave-v3', { ethereum: 3e9, staking: 1e9 });
  await market.tvl('plain', 'base', 1);
  await market.price('bitcoin', 100_000, { symbol: 'BTC' });
  await market.price('bare', 1);
  await waitFor(async () => (await get('/prices/current/bare')).body.coins.bare);
  document = closed((await get('/openapi.json')).body) as Document;
  ajv = new Ajv2020({ allErrors: true, strict: false });
  (addFormats as unknown as (target: Ajv2020) => void)(ajv);
  ajv.addSchema(document, 'openapi');
});
afterAll(async () => {
  await app?.end('SIGTERM');
  await db?.drop();
});

/** Returns the schema with closed objects, so that undocumented members are errors. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, closed(member)]);
  const isObject = 'properties' in value && 'type' in value && value.type === 'object';
  return { ...(isObject && { additionalProperties: false }), ...Object.fromEntries(entries) };
}

// oxlint-disable-next-line typescript/no-explicit-any -- answers are looked at as a whole
type Answer = { status: number; headers: Headers; text: string; body: any };

async function call(
  path: string,
  { headers: more = {}, ...init }: { method?: string; body?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...more };
  const answer = await fetch(`${app.url}${path}`, { ...init, headers });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json');
  return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

const get = (path: string) => call(path);
const ask = (body: unknown, headers: Record<string, string> = {}) =>
  call('/v1/query/advanced', { method: 'POST', body: JSON.stringify(body), headers });

/** Returns the errors of a value by the schema at a place in the document. */
function faults(value: unknown, ...place: string[]): unknown[] {
  const pointer = place.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
  const validate = ajv.getSchema(`openapi#/${pointer}`);
  if (!validate) return [`${pointer} is not described`];
  return validate(value) ? [] : (validate.errors ?? []);
}

const QUERY = ['paths', '/v1/query/advanced', 'post'];
const JSON_SCHEMA = ['content', 'application/json', 'schema'];

describe('the OpenAPI schema of responses', () => {
  it('matches every documented query, its real response and its documented response', async () => {
    const operation = document.paths['/v1/query/advanced']?.['post'];
    const requests = Object.entries(operation?.requestBody?.content['application/json']?.examples ?? {});
    expect(requests.length).toBeGreaterThan(8);
    for (const [name, { value }] of requests) {
      expect([name, faults(value, ...QUERY, 'requestBody', ...JSON_SCHEMA)]).toEqual([name, []]);
      const { status, body } = await ask(value);
      expect([name, status, faults(body, ...QUERY, 'responses', '200', ...JSON_SCHEMA)]).toEqual([name, 200, []]);
    }
    const shown = Object.entries(operation?.responses['200']?.content?.['application/json']?.examples ?? {});
    for (const [name, { value }] of shown) {
      expect([name, faults(value, ...QUERY, 'responses', '200', ...JSON_SCHEMA)]).toEqual([name, []]);
    }
  });

  it.each([
    { sort: [{ field: 'chain' }, { field: 'tvl', order: 'desc' }] },
    { aggregations: [{ operation: 'count', group_by: ['chain', 'protocol'] }], limit: 1 },
    { dataset: 'events', limit: 3 },
    { dataset: 'protocols' },
    { dataset: 'prices', filters: { price_range: { min: 0 }, change_24h: {} } },
    { time: { from: 'now-2h', bucket: '1h', fill: 'previous' } },
    { time: { from: 'now-400d' }, aggregations: [{ field: 'tvl', operation: 'percentile', p: 0.5 }], explain: true },
  ])('matches the real response to the query %j', async (query) => {
    expect(faults(query, ...QUERY, 'requestBody', ...JSON_SCHEMA)).toEqual([]);
    const { status, body } = await ask(query);
    expect([status, faults(body, ...QUERY, 'responses', '200', ...JSON_SCHEMA)]).toEqual([200, []]);
  });

  it.each([
    ['/protocols', '/protocols'],
    ['/protocol/{protocol}', '/protocol/aave-v3'],
    ['/protocol/{protocol}', '/protocol/plain'],
    ['/tvl/{protocol}', '/tvl/aave-v3'],
    ['/v2/chains', '/v2/chains'],
    ['/v2/historicalChainTvl', '/v2/historicalChainTvl'],
    ['/v2/historicalChainTvl/{chain}', '/v2/historicalChainTvl/Ethereum'],
    ['/prices/current/{coins}', '/prices/current/coingecko:bitcoin,bare'],
  ])('matches the response of the route %s at %s', async (route, path) => {
    const { status, body } = await get(path);
    expect([status, faults(body, 'paths', route, 'get', 'responses', '200', ...JSON_SCHEMA)]).toEqual([200, []]);
  });
});

describe('a query result as CSV', () => {
  const csv = async (query: object) => (await ask(query, { accept: 'text/csv' })).text.split('\r\n');

  it('has a header even if there are no rows', async () => {
    const none = { filters: { protocols: ['nobody'] } };
    const [columns] = await csv({});
    expect(columns).toMatch(/^protocol,chain,tvl,/);
    expect(await csv(none)).toEqual([columns, '']);
    const aggregations = [{ field: 'tvl', operation: 'max', group_by: 'chain' }];
    expect(await csv({ ...none, aggregations })).toEqual(['chain,max_tvl', '']);
  });

  it('contains the query plan for `explain: true`', async () => {
    const [columns, plan, ...rest] = await csv({ explain: true });
    expect(columns).toBe('source,percentiles,estimated_rows,class');
    expect(plan).toMatch(/^current,exact,\d+,light$/);
    expect(rest).toEqual(['']);
  });
});

describe('every list route', () => {
  /** Values of the path parameters. */
  const places: Record<string, string> = {
    protocol: 'aave-v3',
    chain: 'ethereum',
    token: 'bitcoin',
    tokens: 'bitcoin',
    account: '0x00000000000000000000000000000000000000aa',
  };
  /**
   * Parameters with which a list that would have rows is empty. Other lists have no rows in this database, or a constant
   * number.
   */
  const nothing: Record<string, string> = {
    '/v1/admin/api-keys': '?userId=nobody',
    '/v1/admin/audit': '?actor=nobody',
    '/v1/alerts/rules': '?q=nothing',
    '/v1/events': '?protocol=nothing',
    '/v1/movers': '?minValue=1e300',
    '/v1/prices/{token}/history': '?to=now-9d',
    '/v1/protocols': '?q=nothing',
    '/v1/realtime/connections': '?userId=nobody',
    '/v1/tokens': '?q=nothing',
    '/v1/tvl/{protocol}/history': '?to=now-9d',
    '/v1/tvl/{protocol}/{chain}/history': '?to=now-9d',
  };
  const neverEmpty = [
    '/v1/admin/thresholds',
    '/v1/alerts/rules/{ruleId}/versions',
    '/v1/chains',
    '/v1/notifications/templates',
    '/v1/points/rules',
    '/v1/points/{account}/history',
    '/v1/prices/{tokens}',
  ];
  let socket: WebSocket;

  beforeAll(async () => {
    const rule = {
      name: 'Never',
      conditions: [{ token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 1e12 }],
    };
    const made = await call('/v1/alerts/rules', { method: 'POST', body: JSON.stringify(rule) });
    places['ruleId'] = made.body.ruleId;
    socket = new WebSocket(`${app.url.replace('http', 'ws')}/ws?apiKey=${KEY}`);
    places['id'] = await waitFor(async () => (await get('/v1/realtime/connections')).body.data[0]?.connectionId);
  });
  afterAll(() => socket?.close());

  const filled = (path: string): string => path.replaceAll(/{(\w+)}/g, (_, name: string) => places[name] ?? name);

  function lists(): { path: string; operation: Operation }[] {
    return Object.entries(document.paths).flatMap(([path, { get: operation }]) => {
      const name = operation?.responses['200']?.content?.['application/json']?.schema.$ref?.split('/').at(-1) ?? '';
      const isList = document.components.schemas[name]?.properties?.data?.type === 'array';
      return operation !== undefined && isList ? [{ path, operation }] : [];
    });
  }

  it('returns CSV with a file name and a header, with and without rows', async () => {
    expect(lists().length).toBeGreaterThan(15);
    const wrong: unknown[] = [];
    for (const { path, operation } of lists()) {
      const asked = filled(path) + (nothing[path] ?? '');
      const { status, headers, text } = await call(asked, { headers: { accept: 'text/csv' } });
      const lines = text.trimEnd().split('\r\n');
      const isFile = /^attachment; filename="[a-z-]+\.csv"$/.test(headers.get('content-disposition') ?? '');
      const isDescribed = operation.responses['200']?.content?.['text/csv'] !== undefined;
      const isHeaded = /^\w+(?:,\w+)+$/.test(lines[0] ?? '') && lines.length > 1 === neverEmpty.includes(path);
      if (status !== 200 || !isFile || !isDescribed || !isHeaded)
        wrong.push({ asked, status, isFile, isDescribed, text });
    }
    expect(wrong).toEqual([]);
  });

  it('returns only the CSV header for a query without results', async () => {
    const rows = {
      filters: { protocols: ['aave-v3'] },
      aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
    };
    const accept = { accept: 'text/csv' };
    const { headers, text } = await ask({ ...rows, having: { field: 'sum_tvl', op: 'gt', value: 1e15 } }, accept);
    expect([headers.get('content-disposition'), text]).toEqual([
      'attachment; filename="query.csv"',
      'chain,sum_tvl\r\n',
    ]);
    expect((await ask({ dataset: 'prices', filters: { tokens: ['nothing'] } }, accept)).text).toMatch(/^token,.*\r\n$/);
  });

  it('accepts all documented time formats and refuses other time formats', async () => {
    const timed = lists().flatMap(({ path, operation: { parameters = [] } }) =>
      parameters
        .filter(({ name, in: place, description = '', schema }) => {
          const saysSo = /ISO 8601|\btime\b/.test(description) || schema?.format === 'date-time';
          return place === 'query' && (['from', 'to', 'at', 'until'].includes(name) || saysSo);
        })
        .map(({ name }) => ({ path, name })),
    );
    expect(timed.length).toBeGreaterThanOrEqual(12);
    const at = new Date(Date.now() - 3_600_000);
    const good = ['now', 'now-1h', 'now-7d', at.toISOString(), at.toISOString().slice(0, 10), String(at.getTime())];
    const bad = [
      'yesterday',
      '',
      String(Math.floor(at.getTime() / 1_000)),
      '2026-02-30',
      '2026-11-20T10:00:00',
      '2026-W01-1',
    ];
    const wrong: unknown[] = [];
    for (const { path, name } of timed) {
      for (const time of [...good, ...bad]) {
        // A range that ends now cannot start now.
        if (time === 'now' && name === 'from') continue;
        const { status, text } = await get(`${filled(path)}?${name}=${encodeURIComponent(time)}`);
        if (status !== (good.includes(time) ? 200 : 400)) wrong.push({ path, name, time, status, text });
      }
    }
    expect(wrong).toEqual([]);
  });
});
