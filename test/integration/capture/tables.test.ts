import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAIN_ALIASES } from '../../../src/events/core/chains.js';
import { EVENT_TYPES } from '../../../src/events/core/event-catalogue.js';
import { INTERNAL_TYPES } from '../../../src/events/core/log-event.js';
import { normaliseChain, normaliseToken } from '../../../src/events/core/names.js';
import { freeFormObject } from '../../../src/events/ingest/item-kinds.js';
import { LOG_COLUMNS, type Kind } from '../../../src/events/log/columns.js';
import { createCapture, type Capture } from './capture-fixture.js';

const pgList = (names: readonly string[]): string => `{${names.map((name) => `"${name}"`).join(',')}}`;

let capture: Capture;
beforeAll(async () => {
  capture = await createCapture();
  await capture.query(`INSERT INTO protocols (slug, name) VALUES ('uniswap', 'Uniswap')`);
  await capture.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('uniswap', 'ethereum', 1)`);
  await capture.query(`INSERT INTO token_prices (token, price) VALUES ('bitcoin', 1)`);
  await capture.events();
});
afterAll(() => capture.close());

it('the outbox accepts exactly the event types of the catalogue and the internal types', async () => {
  const [check] = await capture.query<{ definition: string }>(
    `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE conrelid = 'change_outbox'::regclass AND pg_get_constraintdef(oid) LIKE '%type = ANY%'`,
  );
  const taken = [...(check?.definition ?? '').matchAll(/'(\w+)'::text/g)].map(([, type]) => type);
  expect(new Set(taken)).toEqual(new Set([...EVENT_TYPES, ...INTERNAL_TYPES]));
});

describe('the list of the columns of the log', () => {
  const snakeCase = (name: string): string => name.replace(/[A-Z]|24/g, (part) => `_${part.toLowerCase()}`);
  const columns = LOG_COLUMNS.map(([name, kind]): [string, Kind] => [snakeCase(name), kind]);

  it.each(['sequencer_step', 'read_event_log'])('has the order and the types of %s', async (name) => {
    const [row] = await capture.query<{ result: string }>(
      `SELECT pg_get_function_result(oid) AS result FROM pg_proc WHERE proname = '${name}'`,
    );
    const returned = /^TABLE\((.*?)(?:, followed boolean)?\)$/
      .exec(row?.result ?? '')?.[1]
      ?.replaceAll('"', '')
      .split(', ');
    const types: Record<string, string> = { object: 'jsonb', tags: 'text[]', text: 'text' };
    const expected = columns.map(([column, kind]) => `${column} ${types[kind.replace('?', '')] ?? 'double precision'}`);
    expect(returned?.map((column) => column.replace('real', 'double precision'))).toEqual(expected);
  });

  it('names the columns of the table, and which may be null', async () => {
    const rows = await capture.query<{ name: string; nullable: boolean }>(
      `SELECT attname AS name, NOT attnotnull AS nullable FROM pg_attribute
       WHERE attrelid = 'event_log'::regclass AND attnum > 0 AND NOT attisdropped
         AND attname <> 'data_bytes' ORDER BY attname`,
    );
    // The table has an empty list for no tags; its readers make it null.
    const listed = columns.map(([name, kind]) => ({ name, nullable: name !== 'tags' && kind.endsWith('?') }));
    expect(rows).toEqual(listed.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
  });
});

describe('names written by SQL', () => {
  it('are stored in their canonical spelling', async () => {
    await capture.query(
      `INSERT INTO protocols (slug, name, chains) VALUES ('Curve-DEX', 'Curve', '{rsk,ethereum,rootstock}')`,
    );
    const upsert = (protocol: string, chain: string, tvl: number) =>
      capture.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('${protocol}', '${chain}', ${tvl})
        ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl`);
    await upsert('Curve-DEX', 'rsk', 10);
    await upsert('curve-dex', 'rootstock', 20);
    await upsert('CURVE-dex', 'binance-borrowed', 5);
    await capture.query(`UPDATE protocols SET chains = chains || '{binance}' WHERE slug = 'curve-dex'`);
    await capture.query(`INSERT INTO token_prices (token, price) VALUES ('rsk:0xab', 1), ('sei:0xab', 1), ('coingecko:dai', 1),
      ('solana:EPjF', 1), ('solana:EPJf', 2), ('SUI:0X2::sui::SUI', 1)`);
    await capture.query(`INSERT INTO change_thresholds VALUES ('tvl', 'Curve-DEX', 0.5)`);
    const rows = await capture.query<{
      name: string;
    }>(`SELECT protocol || ' ' || chain || ' ' || tvl AS name FROM protocol_tvl WHERE protocol = 'curve-dex'
      UNION ALL SELECT slug || ' ' || array_to_string(chains, ',') FROM protocols WHERE slug = 'curve-dex'
      UNION ALL SELECT token || ' ' || coalesce(chain, '-') FROM token_prices WHERE token <> 'bitcoin'
      UNION ALL SELECT subject FROM change_thresholds WHERE subject <> '*' ORDER BY 1`);
    expect(rows.map(({ name }) => name)).toEqual([
      'curve-dex',
      'curve-dex bsc-borrowed 5',
      'curve-dex rootstock 20',
      'curve-dex rootstock,ethereum,bsc',
      'dai -',
      'rootstock:0xab rootstock',
      'sei:0xab sei',
      'solana:EPJf solana',
      'solana:EPjF solana',
      'sui:0x2::sui::SUI sui',
    ]);
    const types = (await capture.events()).map(({ type, protocol, chain }) => `${type} ${protocol} ${chain}`);
    expect(types).toContain('tvl_change curve-dex rootstock');
    await capture.query(`DELETE FROM change_thresholds WHERE subject <> '*'; DELETE FROM token_prices WHERE token <> 'bitcoin';
      DELETE FROM protocol_tvl WHERE protocol = 'curve-dex'; DELETE FROM protocols WHERE slug = 'curve-dex'`);
    await capture.events();
  });

  it('are normalised identically by the database and by the program', async () => {
    const chains = [...CHAIN_ALIASES.keys(), ...CHAIN_ALIASES.values(), 'a-b', 'staking', 'binance-pool2', '-x', 'x-'];
    const part = fc.constantFrom(
      '0',
      '0x',
      '0X',
      'a',
      'Ff',
      'g',
      'SUI',
      '::',
      ':',
      '/',
      'rsk',
      'COINGECKO:',
      'coingecko:',
    );
    const made = fc.sample(fc.array(part, { maxLength: 8 }), 2_000).map((parts) => parts.join(''));
    const tokens = [
      'Bitcoin',
      'coingecko:Dai',
      'rsk:0xAb',
      'RSK:0XAb',
      'solana:EPjF',
      'osmosis:ibc/AB',
      'era:factory:X',
      'sui:0X2Ab::sui::SUI',
      'Aptos:0x1::Coin::T<0xA::b::C>',
      'coingecko:solana:EPjF',
      ...made,
    ];
    const rows = await capture.query<{ name: string }>(
      `SELECT array(SELECT canonical_chain(n) FROM unnest('${pgList(chains)}'::text[]) n) AS chains,
      array(SELECT canonical_token(n) FROM unnest('${pgList(tokens)}'::text[]) n) AS tokens`,
    );
    expect(rows).toEqual([{ chains: chains.map(normaliseChain), tokens: tokens.map(normaliseToken) }]);
  });
});

describe('check constraints of the tables', () => {
  it.each([
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'b', 'NaN')`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'b', 'Infinity')`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'b', -1)`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'b', 1e301)`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'b', 1e-310)`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'Ethereum', 1)`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'two words', 1)`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', '', 1)`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a b', 'b', 1)`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES (repeat('a', 129), 'b', 1)`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl, confidence) VALUES ('a', 'b', 1, 1.1)`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl, confidence) VALUES ('a', 'b', 1, 'NaN')`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl, observed_at) VALUES ('a', 'b', 1, 'infinity')`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl, tags) VALUES ('a', 'b', 1, ARRAY[NULL])`,
    `INSERT INTO token_prices (token, price) VALUES ('Bitcoin', 1)`,
    `INSERT INTO token_prices (token, chain, price) VALUES ('sui:0xAb::sui::SUI', 'sui', 1)`,
    `INSERT INTO token_prices (token, price) VALUES ('a', 'NaN')`,
    `INSERT INTO token_prices (token, price, volume_24h) VALUES ('a', 1, -1)`,
    `INSERT INTO token_prices (token, price, market_cap) VALUES ('a', 1, 'Infinity')`,
    `INSERT INTO protocols (slug, name) VALUES ('a b', 'x')`,
    `INSERT INTO protocols (slug, name, chains) VALUES ('a', 'x', '{Ethereum}')`,
    `INSERT INTO protocols (slug, name, metadata) VALUES ('a', 'x', '[]')`,
    `INSERT INTO protocols (slug, name, metadata) VALUES ('a', 'x', '{"a": ${'['.repeat(16)}${']'.repeat(16)}}')`,
    `UPDATE protocols SET metadata = '{"a": ${'['.repeat(16)}${']'.repeat(16)}}'`,
    `INSERT INTO protocols (slug, name, chains) VALUES ('a', 'x', '{{ethereum},{bsc}}')`,
    `INSERT INTO protocols (slug, name, updated_at) VALUES ('a', 'x', 'infinity')`,
    `INSERT INTO protocols (slug, name, updated_at) VALUES ('a', 'x', '-infinity')`,
    `INSERT INTO protocols (slug, name, updated_at) VALUES ('a', 'x', '10000-01-01')`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl, tags) VALUES ('a', 'b', 1, '{{x},{y}}')`,
    `UPDATE token_prices SET tags = '{{x},{y}}'`,
    `UPDATE protocol_tvl SET tvl = 'NaN'`,
    `UPDATE protocol_tvl SET tvl = -5`,
  ])('refuse %s', async (sql) => {
    await expect(capture.query(sql)).rejects.toMatchObject({ code: '23514' });
    expect(await capture.events()).toEqual([]);
  });

  it('limit the levels of metadata exactly as the API does', async () => {
    const atLimit = (levels: number): fc.Arbitrary<unknown> =>
      fc.nat({ max: 3 }).map((kind) => {
        let value: unknown = [1, 'x', {}, []][kind];
        for (let level = 1; level < levels; level++) value = level % 3 === kind ? [0, value] : { a: value, b: null };
        return { value };
      });
    const made = fc.sample(
      fc.integer({ min: 10, max: 20 }).chain((levels) => atLimit(levels)),
      200,
    );
    const isTaken = (value: unknown): boolean => {
      try {
        return Boolean(freeFormObject(value, 'metadata'));
      } catch {
        return false;
      }
    };
    const rows = await capture.query<{ few: boolean }>(
      'SELECT has_few_levels(value) AS few FROM jsonb_array_elements($1) WITH ORDINALITY AS given (value, at) ORDER BY at',
      [JSON.stringify(made)],
    );
    expect(rows.map(({ few }) => few)).toEqual(made.map(isTaken));
    expect(new Set(rows.map(({ few }) => few)).size).toBe(2);
  });

  it('accept the smallest and the largest amounts without arithmetic errors', async () => {
    await capture.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'extreme', 'c' || n, 1e300 FROM generate_series(1, 50) n`,
    );
    for (const tvl of ['1e-300', '2e-300', '0', '1e300', '1e-300']) {
      await capture.query(`UPDATE protocol_tvl SET tvl = ${tvl} WHERE protocol = 'extreme'`);
    }
    expect(await capture.events()).toHaveLength(300);
  });
});

describe('key columns', () => {
  it.each([
    `UPDATE protocols SET slug = 'other'`,
    `UPDATE protocol_tvl SET chain = 'other' WHERE protocol = 'uniswap'`,
    `UPDATE token_prices SET token = 'other'`,
  ])('cannot be updated: %s', async (sql) => {
    await expect(capture.query(sql)).rejects.toMatchObject({ code: '23001', message: /key columns of \w+ cannot be/ });
  });

  it('can be written again with their present value', async () => {
    await capture.query(`UPDATE protocols SET slug = slug; UPDATE token_prices SET token = 'bitcoin'`);
    expect(await capture.events()).toEqual([]);
  });
});

describe('updates of a protocol', () => {
  const update = async (assignment: string): Promise<unknown> => {
    await capture.query(`UPDATE protocols SET ${assignment} WHERE slug = 'uniswap'`);
    return (await capture.events()).map((event) => event.data);
  };

  it.each([
    [`chains = '{ethereum}'`, 'chain_added', 'chains', [], ['ethereum']],
    [`category = 'Dexes'`, 'category', 'category', null, 'Dexes'],
    [`url = 'https://uniswap.org'`, 'metadata', 'url', null, 'https://uniswap.org'],
    [`metadata = '{"status": "paused"}'`, 'status', 'metadata', {}, { status: 'paused' }],
    [`chains = '{}'`, 'chain_removed', 'chains', ['ethereum'], []],
  ])('publish %s as %s', async (assignment, updateType, field, previousValue, currentValue) => {
    expect(await update(assignment)).toEqual([{ updateType, changes: [{ field, previousValue, currentValue }] }]);
  });

  it('carry the first matching update type and all changed fields', async () => {
    expect(await update(`category = 'Bridge', chains = '{bsc}', name = 'Uni'`)).toMatchObject([
      { updateType: 'category', changes: [{ field: 'name' }, { field: 'category' }, { field: 'chains' }] },
    ]);
  });

  it('are refused with the reason if the new metadata has too many levels', async () => {
    const deep = update(`metadata = '{"a": ${'['.repeat(20)}${']'.repeat(20)}}'`);
    await expect(deep).rejects.toThrow('metadata of the protocol uniswap must be nested at most 16 levels');
  });

  it('are not published when only `updated_at` or nothing changes', async () => {
    expect(await update('updated_at = now(), name = name')).toEqual([]);
  });
});

describe('database roles', () => {
  const as = async (role: string, sql: string): Promise<unknown> => {
    const client = new pg.Client({ connectionString: capture.db.url });
    await client.connect();
    try {
      await client.query(`SET ROLE ${role}`);
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };

  it.each([
    `INSERT INTO protocols (slug, name) VALUES ('aave', 'Aave') ON CONFLICT (slug) DO UPDATE SET name = excluded.name`,
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('uniswap', 'ethereum', 7)
       ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl, observed_at = excluded.observed_at`,
    `UPDATE token_prices SET price = 5, volume_24h = 1 WHERE token = 'bitcoin'`,
    `INSERT INTO change_thresholds VALUES ('tvl', 'aave', 0.5)`,
  ])('allow `rta_writer` to run: %s', async (sql) => {
    await expect(as('rta_writer', sql)).resolves.toEqual([]);
  });

  it.each([
    'DELETE FROM protocols',
    'DELETE FROM protocol_tvl',
    'TRUNCATE token_prices',
    'UPDATE protocol_tvl SET published_value = 1',
    'UPDATE token_prices SET publications = 9',
    'INSERT INTO protocol_tvl (protocol, chain, tvl, min_change_ratio) VALUES (1, 2, 3, 4)',
    `INSERT INTO change_outbox (type) VALUES ('tick')`,
    `SELECT append_events('[]')`,
    'SELECT * FROM event_log',
    'SELECT new_log_epoch()',
  ])('deny `rta_writer` to run: %s', async (sql) => {
    await expect(as('rta_writer', sql)).rejects.toMatchObject({ code: '42501' });
  });

  it('allow a reader to see tables and public events, but no events with an owner', async () => {
    await capture.query(`SELECT append_events('[{"type": "alert", "owner": "someone"}, {"type": "liquidation"}]')`);
    await capture.events();
    await expect(as('rta_reader', 'SELECT * FROM protocol_tvl')).resolves.not.toEqual([]);
    await expect(
      as('rta_reader', `SELECT type FROM delivered_events WHERE type IN ('alert', 'liquidation')`),
    ).resolves.toEqual([{ type: 'liquidation' }]);
    for (const sql of ['SELECT * FROM event_log', 'SELECT * FROM log_readers', 'UPDATE protocols SET name = name']) {
      await expect(as('rta_reader', sql)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it.each(['DROP TABLE event_log', 'DELETE FROM event_log', 'UPDATE event_log SET seq = 1', 'DELETE FROM protocols'])(
    'deny `rta_app` to run: %s',
    async (sql) => {
      await expect(as('rta_app', sql)).rejects.toMatchObject({ code: '42501' });
    },
  );
});
