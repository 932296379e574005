import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppProcess } from '../support/app-process.js';
import { serverPort } from '../support/server-port.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

interface Content {
  schema: object;
  examples?: Record<string, { value: object }>;
}
interface Operation {
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { content?: Record<string, Content> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
}

const KEY = 'rta_answers_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

let db: TestDatabase;
let app: AppProcess;
let document: Document;
let ajv: Ajv2020;

beforeAll(async () => {
  // The build writes the types of members into the document; sources as tests run them do not.
  db = await createTestDatabase();
  const settings = { DATABASE_URL: db.url, SECRETS_KEY: 'a key that only tests use', BOOTSTRAP_ADMIN_KEY: KEY };
  app = new AppProcess(await serverPort(), { ...settings, LIMIT_API_REQUESTS: 'enterprise=0', DRAIN_SECONDS: '0' });
  await app.start();
  const { pool } = db;
  await pool.query(`INSERT INTO protocols (slug, name, category) VALUES ('aave-v3', 'Aave V3', 'Lending')`);
  await pool.query(
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('aave-v3', 'ethereum', 3e9), ('aave-v3', 'staking', 1e9), ('plain', 'base', 1)`,
  );
  await pool.query(
    `INSERT INTO token_prices (token, symbol, price) VALUES ('bitcoin', 'BTC', 100000), ('bare', NULL, 1)`,
  );
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

/** The same, but that objects have no members that are not described. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, closed(member)]);
  const isObject = 'properties' in value && 'type' in value && value.type === 'object';
  return { ...(isObject && { additionalProperties: false }), ...Object.fromEntries(entries) };
}

// oxlint-disable-next-line typescript/no-explicit-any -- answers are looked at as a whole
type Answer = { status: number; text: string; body: any };

async function call(
  path: string,
  { headers: more = {}, ...init }: { method?: string; body?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...more };
  const answer = await fetch(`${app.url}${path}`, { ...init, headers });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json');
  return { status: answer.status, text, body: isJson ? JSON.parse(text) : undefined };
}

const get = (path: string) => call(path);
const ask = (body: unknown, headers: Record<string, string> = {}) =>
  call('/v1/query/advanced', { method: 'POST', body: JSON.stringify(body), headers });

/** What is wrong with a value, by a place in the document. */
function faults(value: unknown, ...place: string[]): unknown[] {
  const pointer = place.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
  const validate = ajv.getSchema(`openapi#/${pointer}`);
  if (!validate) return [`${pointer} is not described`];
  return validate(value) ? [] : (validate.errors ?? []);
}

const QUERY = ['paths', '/v1/query/advanced', 'post'];
const JSON_SCHEMA = ['content', 'application/json', 'schema'];

describe('the OpenAPI document describes', () => {
  it('every query that it shows, its answer, and the answer that it shows', async () => {
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
  ])('what is answered: %j', async (query) => {
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
  ])('%s as it is answered: %s', async (route, path) => {
    const { status, body } = await get(path);
    expect([status, faults(body, 'paths', route, 'get', 'responses', '200', ...JSON_SCHEMA)]).toEqual([200, []]);
  });
});

describe('CSV', () => {
  const csv = async (query: object) => (await ask(query, { accept: 'text/csv' })).text.split('\r\n');

  it('names its columns also where there are no rows', async () => {
    const none = { filters: { protocols: ['nobody'] } };
    const [columns] = await csv({});
    expect(columns).toMatch(/^protocol,chain,tvl,/);
    expect(await csv(none)).toEqual([columns, '']);
    const aggregations = [{ field: 'tvl', operation: 'max', group_by: 'chain' }];
    expect(await csv({ ...none, aggregations })).toEqual(['chain,max_tvl', '']);
  });

  it('has the plan where that is asked for', async () => {
    const [columns, plan, ...rest] = await csv({ explain: true });
    expect(columns).toBe('source,percentiles,estimated_rows,class');
    expect(plan).toMatch(/^current,exact,\d+,light$/);
    expect(rest).toEqual(['']);
  });
});
