/**
 * Builds the sample pack from a folder of recordings: `node build-sample.mjs <folder>`. Run by hand when the choice of
 * recordings changes; README.md beside this file names every series, its source, licence and period. Writes tvl.json.gz
 * and prices.json.gz next to itself. The same recordings give the same bytes.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const PROTOCOLS = 2_000;
const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('usage: node build-sample.mjs <folder of recordings>\n');
  process.exit(2);
}

const CHAIN_ALIASES = { binance: 'bsc', xdai: 'gnosis', 'op-mainnet': 'optimism', avax: 'avalanche', matic: 'polygon' };
const slug = (name) =>
  name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 100);
const chainName = (chain) => {
  const name = chain.trim().toLowerCase().replaceAll(/\s+/g, '-');
  return CHAIN_ALIASES[name] ?? name;
};
/** Seven significant digits: far below every threshold, a third of the bytes. */
const short = (value) => Number(value.toPrecision(7));
const read = (...path) => readFileSync(join(folder, ...path), 'utf8');
const csv = (...path) =>
  read(...path)
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(','));

function snapshots() {
  return (
    readdirSync(join(folder, 'protocols'))
      .map((file) => /^llama_lite_protocols2_committed_(\d{4}-\d\d-\d\d)T(\d\d)(\d\d)\.json$/.exec(file))
      .filter((match) => match !== null)
      .sort((a, b) => (a[0] < b[0] ? -1 : 1))
      // File names carry the commit time in UTC-3.
      .map(([file, day, hour, minute]) => ({
        at: Date.parse(`${day}T${hour}:${minute}:00-03:00`),
        rows: JSON.parse(read('protocols', file)),
      }))
  );
}

/** Rows by name and category; what stands twice in one snapshot under both cannot be told apart and is left out. */
function unambiguous(rows) {
  const byKey = new Map();
  for (const row of rows) {
    const key = `${row.name}\u0000${row.category ?? ''}`;
    byKey.set(key, byKey.has(key) ? null : row);
  }
  return byKey;
}

function tvlPack() {
  const recorded = snapshots();
  const tables = recorded.map(({ rows }) => unambiguous(rows));
  const usable = [...tables.at(-1)].flatMap(([key, last]) => {
    const rows = tables.map((table) => table.get(key));
    if (last === null || !rows.every((row) => row && Number.isFinite(row.tvl) && row.tvl > 0)) return [];
    const chains = [...new Set((last.chains ?? []).map(chainName))];
    const everywhere = new Set(rows.flatMap((row) => (row.chains ?? []).map(chainName)));
    // Snapshots have no TVL per chain: only a protocol that was on one chain throughout has a value of that chain.
    const chain = everywhere.size === 1 ? chains[0] : 'all';
    const values = rows.map((row) => short(row.tvl));
    return [{ name: last.name, category: last.category ?? null, chains, chain, values, oracles: last.oracles ?? [] }];
  });
  usable.sort((a, b) => Math.max(...b.values) - Math.max(...a.values));
  const slugs = new Set();
  const protocols = [];
  for (const { name, category, chains, chain, values, oracles } of usable) {
    const wanted = [slug(name), slug(`${name} ${category ?? ''}`)].find((id) => id !== '' && !slugs.has(id));
    if (wanted === undefined || protocols.length === PROTOCOLS) continue;
    slugs.add(wanted);
    protocols.push([wanted, name, category, chains, chain, values, ...(oracles.length > 0 ? [oracles] : [])]);
  }
  const pool = csv('tvl_intraday', 'arbitrum-GmxV2-0x70d95587d40a2caf56bd97485ab3eec10bee6336-2025-12-15.minute.csv');
  const columns = column(pool, 'timestamp', 'poolValue');
  return {
    snapshots: { at: recorded.map(({ at }) => at), protocols },
    minutes: [
      {
        slug: 'gmx-v2-eth-usdc-market',
        name: 'GMX V2 ETH/USDC Market',
        category: 'Derivatives',
        chain: 'arbitrum',
        ...series(columns.map(([at, value]) => [Date.parse(`${at.replace(' ', 'T')}Z`), Number(value)])),
      },
    ],
  };
}

function column(rows, ...names) {
  const at = names.map((name) => rows[0].indexOf(name));
  if (at.includes(-1)) throw new Error(`columns ${names.join(', ')} not found`);
  return rows.slice(1).map((row) => at.map((index) => row[index]));
}

/** Sorted by time, the last value of equal times, repetitions of a value kept out; times as steps in milliseconds. */
function series(points) {
  const byTime = new Map();
  for (const [at, value] of points) if (value > 0 && Number.isFinite(value)) byTime.set(Math.round(at), short(value));
  const sorted = [...byTime].sort((a, b) => a[0] - b[0]);
  const changes = sorted.filter(
    ([, value], index) => index === 0 || index === sorted.length - 1 || value !== sorted[index - 1][1],
  );
  return {
    start: changes[0][0],
    steps: changes.map(([at], index) => (index === 0 ? 0 : at - changes[index - 1][0])),
    values: changes.map(([, value]) => value),
  };
}

const token = (id, symbol, chain, kind, source, points) => ({
  token: id,
  symbol,
  chain,
  kind,
  source,
  ...series(points),
});

function oracleSeries() {
  const oracle = (file) =>
    column(csv('prices', file), 'timestamp', 'price').map(([at, price]) => [at * 1000, Number(price)]);
  const source = 'aave-v2-oracle';
  return [
    ['weth', 'WETH', 'aave_v2_WETH_usd_oracle_updates_2021-2022.csv'],
    ['wrapped-bitcoin', 'WBTC', 'aave_v2_WBTC_usd_oracle_updates_2021-2022.csv'],
    ['dai', 'DAI', 'aave_v2_DAI_usd_oracle_updates_2021-2022.csv'],
    ['usd-coin', 'USDC', 'aave_v2_USDC_usd_oracle_updates_2021-2022.csv'],
    ['tether', 'USDT', 'aave_v2_USDT_usd_oracle_updates_2021-2022.csv'],
  ].map(([id, symbol, file]) => token(id, symbol, 'ethereum', 'oracle', source, oracle(file)));
}

function minuteSeries() {
  const time = (text) => Date.parse(`${text.replace(' ', 'T')}Z`);
  const scaled = (digits) => Number(digits) / 1e30;
  const vault = ['avalanche_gmx_2024-10-15.csv', 'avalanche_gmx_2024-10-16.csv'].map((file) =>
    csv('tvl_intraday', file),
  );
  const fromVault = (name) =>
    vault.flatMap((rows) => column(rows, '', name).map(([at, price]) => [time(at), scaled(price)]));
  const pool = csv('tvl_intraday', 'arbitrum-GmxV2-0x70d95587d40a2caf56bd97485ab3eec10bee6336-2025-12-15.minute.csv');
  const ether = column(pool, 'timestamp', 'indexPrice').map(([at, price]) => [time(at), Number(price)]);
  const cassettes = JSON.parse(read('coins', 'coingecko_api_recordings_2021.json'));
  const day = Object.entries(cassettes).filter(([address]) => /bitcoin\/market_chart\?days=1&/.test(address));
  const bodies = day.flatMap(([, recordings]) => recordings.map(({ body }) => body));
  return [
    token(
      'bitcoin',
      'BTC',
      null,
      'minute',
      'coingecko',
      bodies.flatMap((body) => body.prices),
    ),
    token('ethereum', 'ETH', null, 'minute', 'gmx-v2-index', ether),
    token('bitcoin-avalanche-bridged-btc-b', 'BTC.B', 'avalanche', 'minute', 'gmx-v1-vault', fromVault('btc.b_price')),
    token('wrapped-avax', 'WAVAX', 'avalanche', 'minute', 'gmx-v1-vault', fromVault('wavax_price')),
  ];
}

const TICKS = {
  'BINANCE_DELIVERY XRPUSD_PERP': ['ripple', 'XRP'],
  'BINANCE_DELIVERY ETCUSD_PERP': ['ethereum-classic', 'ETC'],
  'BINANCE_DELIVERY BCHUSD_PERP': ['bitcoin-cash', 'BCH'],
  'BINANCE_DELIVERY LINKUSD_PERP': ['chainlink', 'LINK'],
  'BINANCE_DELIVERY EOSUSD_PERP': ['eos', 'EOS'],
  'BINANCE_DELIVERY TRXUSD_PERP': ['tron', 'TRX'],
  'BINANCE_FUTURES SUSHIUSDT': ['sushi', 'SUSHI'],
  'BINANCE_FUTURES CTKUSDT': ['certik', 'CTK'],
  'BINANCE_FUTURES AKROUSDT': ['akropolis', 'AKRO'],
  'BINANCE_FUTURES KEEPUSDT': ['keep-network', 'KEEP'],
  'BINANCE NKNUSDT': ['nkn', 'NKN'],
  'BINANCE_US OMGBUSD': ['omisego', 'OMG'],
  'BINANCE_US COMPUSDT': ['compound-governance-token', 'COMP'],
  'BINANCE_US ZRXUSDT': ['0x', 'ZRX'],
  'BINANCE_US CRVUSDT': ['curve-dao-token', 'CRV'],
  'BYBIT XTZUSDT': ['tezos', 'XTZ'],
  'BYBIT LTCUSDT': ['litecoin', 'LTC'],
  'BYBIT ADAUSDT': ['cardano', 'ADA'],
  'BITMEX SOLUSDT': ['solana', 'SOL'],
  'BITMEX UNIUSDT': ['uniswap', 'UNI'],
  'BITMEX MATICUSDT': ['matic-network', 'MATIC'],
  'GEMINI FILUSD': ['filecoin', 'FIL'],
};

/** One kind of message per stream: the mid price where the venue sent a book top, else trades. */
function tickSeries() {
  const rows = column(
    csv('ticks', 'cryptofeed_ws_trades_tickers_16venues_2021-2023.csv'),
    'exchange',
    'symbol',
    'kind',
    'recv_ts',
    'price',
  );
  return Object.entries(TICKS).map(([stream, [id, symbol]]) => {
    const own = rows.filter(([exchange, pair]) => `${exchange} ${pair}` === stream);
    const mids = own.filter(([, , kind]) => kind.endsWith('_mid'));
    const points = (mids.length > 0 ? mids : own).map(([, , , at, price]) => [at * 1000, Number(price)]);
    return token(id, symbol, null, 'tick', stream.split(' ')[0].toLowerCase().replaceAll('_', '-'), points);
  });
}

function write(name, content) {
  const packed = gzipSync(JSON.stringify(content), { level: 9 });
  writeFileSync(join(import.meta.dirname, name), packed);
  process.stdout.write(`${name}: ${packed.length} bytes\n`);
}

const tvl = tvlPack();
const prices = [...oracleSeries(), ...minuteSeries(), ...tickSeries()];
write('tvl.json.gz', tvl);
write('prices.json.gz', prices);
const show = (at) => new Date(at).toISOString().slice(0, 16);
process.stdout.write(`${tvl.snapshots.protocols.length} protocols, ${tvl.snapshots.at.map(show).join(' ')}\n`);
for (const { token: id, kind, source, start, steps, values } of prices) {
  const end = start + steps.reduce((sum, step) => sum + step, 0);
  process.stdout.write(`${id} ${kind} ${source} ${values.length} ${show(start)} ${show(end)}\n`);
}
