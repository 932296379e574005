/**
 * The hot cache in Redis under writes: 1,000 changes a second are committed, while 3,000 keys (popular ones more often)
 * are looked up over REST and in a second pod's cache. Then the same once more after the cache was emptied. At the end
 * the Redis server counts the round trips of each batch.
 */
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { Pool } from 'undici';
import { startRedis } from '../support/servers/redis-server.js';
import { insertBaselines } from './support/baselines.js';
import type { BenchApp } from './support/bench-app.js';
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import type { CachePodTask, LookUpReport, LookUpRound } from './support/cache-pod.js';
import { repeatAt } from './support/fixed-rate.js';
import { keysOf, valuesOf, type Key } from './support/latency-load.js';
import type { WriterReport, WriterRound, WriterTask } from './support/latency-writer.js';
import { median, percentile, round } from './support/percentiles.js';
import { watchTrips } from './support/redis-trips.js';
import { zipf } from './support/zipf.js';
import { waitFor } from '../support/wait-for.js';

const PROTOCOLS = 2_000;
const TOKENS = 1_000;
/** Committed changes per second, and number of changes per transaction. */
const RATE = 1_000;
const BATCH = 5;
const BASELINE = 1_000_000;
/** Look-ups per second. */
const REST_RATE = 200;
const CACHE_RATE = 1_000;
const WARM_UP_SECONDS = 3;

interface Stretch {
  readonly hits: number;
  readonly misses: number;
  readonly cacheP95: number;
  readonly restP95: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const redis = await startRedis();
  context.atEnd(() => redis.close());
  const env = { REDIS_URL: redis.url, SECRETS_KEY: 'a key that only benches use', SOURCE: 'none', LOG_LEVEL: 'warn' };
  const app = await context.startApp({ env });
  const protocols = keysOf(PROTOCOLS);
  await insertBaselines(app.databaseUrl, protocols, BASELINE);
  await insertPrices(app.databaseUrl);
  const pod = context.startProcess('cache-pod.ts', { env, databaseUrl: app.databaseUrl } satisfies CachePodTask);
  const task: WriterTask = { databaseUrl: app.databaseUrl, rate: RATE, batch: BATCH, keys: protocols };
  const writer = context.startProcess('latency-writer.ts', task);
  await Promise.all([nextMessage(pod, 'ready'), nextMessage(writer, 'ready')]);
  const paths = lookUpPaths(protocols);
  await untilKnown(app, paths);

  let first = 0;
  const write = async (seconds: number): Promise<void> => {
    const values = valuesOf(first, seconds * RATE, PROTOCOLS, BASELINE);
    writer.send({ type: 'round', first, values } satisfies WriterRound);
    first += values.length;
    await nextMessage<WriterReport>(writer, 'written');
  };
  let seed = 0;
  const stretch = async (seconds: number): Promise<Stretch> => {
    seed += 1;
    const before = await countsOf(app);
    const keys = paths.map(({ key }) => key);
    const answered = nextMessage<LookUpReport>(pod, 'looked-up');
    pod.send({ type: 'look-up', keys, perSecond: CACHE_RATE, seconds, seed } satisfies LookUpRound);
    const [cache, rest] = await Promise.all([answered, overRest(app, paths, { seconds, seed }), write(seconds)]);
    if (cache.unknown > 0) throw new Error(`${cache.unknown} look-ups found nothing.`);
    const after = await countsOf(app);
    return {
      hits: cache.hits + after.hits - before.hits,
      misses: cache.misses + after.misses - before.misses,
      cacheP95: percentile(cache.took.sort(), 0.95),
      restP95: percentile(rest.sort(), 0.95),
    };
  };

  context.log(`warm-up, ${WARM_UP_SECONDS} s`);
  await stretch(WARM_UP_SECONDS);
  const rounds = context.quick ? 1 : 3;
  const seconds = context.quick ? 10 : 15;
  const [warm, emptied]: [Stretch[], Stretch[]] = [[], []];
  for (let n = 1; n <= rounds; n += 1) {
    warm.push(await stretch(seconds));
    await emptyCache(redis.url, protocols);
    emptied.push(await stretch(seconds));
    context.log(`round ${n} of ${rounds}: ${describe('full', warm.at(-1))}; ${describe('emptied', emptied.at(-1))}`);
  }
  const watched = context.quick ? 4 : 8;
  context.log(`round trips, ${watched} s`);
  const [trips] = await Promise.all([watchTrips(redis.url, watched), write(watched)]);
  context.noteVersion('redis', String(await redis.call('INFO', 'server')).match(/redis_version:(\S+)/)?.[1] ?? '');
  return report(context, warm, emptied, trips);
}

function report(
  context: BenchContext,
  warm: readonly Stretch[],
  emptied: readonly Stretch[],
  trips: Awaited<ReturnType<typeof watchTrips>>,
): Figures {
  const row = (name: string, stretches: readonly Stretch[]) => ({
    cache: name,
    'hit ratio (> 0.90)': median(stretches.map(hitRatio)).toFixed(4),
    'look-up p95 ms (< 5)': median(stretches.map(({ cacheP95 }) => cacheP95)),
    'REST p95 ms': median(stretches.map(({ restP95 }) => restP95)),
  });
  context.table([row('full', warm), row('emptied', emptied)]);
  const { batches, scriptsAndPublications, commands } = trips;
  const perBatch = (count: number): number => round(count / batches);
  context.log(`round trips per batch: ${perBatch(scriptsAndPublications)} (at most 2), of ${batches} batches`);
  return {
    keys: PROTOCOLS + TOKENS,
    changes_per_s: RATE,
    lookups_per_s: REST_RATE + CACHE_RATE,
    hit_ratio: round(median(warm.map(hitRatio)), 4),
    hit_ratio_emptied: round(median(emptied.map(hitRatio)), 4),
    lookup_p95_ms: round(median(warm.map(({ cacheP95 }) => cacheP95))),
    lookup_p95_ms_emptied: round(median(emptied.map(({ cacheP95 }) => cacheP95))),
    rest_p95_ms: round(median(warm.map(({ restP95 }) => restP95))),
    batches,
    redis_round_trips_per_batch: perBatch(scriptsAndPublications),
    redis_commands_per_batch: perBatch(commands),
  };
}

function hitRatio({ hits, misses }: Stretch): number {
  return hits / (hits + misses);
}

function describe(name: string, stretch: Stretch | undefined): string {
  if (stretch === undefined) return '';
  const { cacheP95, restP95 } = stretch;
  return `${name} ${hitRatio(stretch).toFixed(4)} hits, p95 ${cacheP95.toFixed(2)} ms, over REST ${restP95.toFixed(2)} ms`;
}

/** Paths of the API and the cache key that answers each. Every third is a price. */
function lookUpPaths(protocols: readonly Key[]): { path: string; key: string }[] {
  return Array.from({ length: PROTOCOLS + TOKENS }, (_, n) => {
    const place = Math.floor(n / 3);
    if (n % 3 === 2) return { path: `/v1/prices/token-${place}`, key: `price:token-${place}` };
    const { protocol } = protocols[place * 2 + (n % 3)] ?? { protocol: '' };
    return { path: `/v1/tvl/${protocol}`, key: `tvl:${protocol}` };
  });
}

async function overRest(
  app: BenchApp,
  paths: readonly { path: string }[],
  { seconds, seed }: { seconds: number; seed: number },
): Promise<Float64Array> {
  const pool = new Pool(app.url, { connections: 16 });
  const pick = zipf(paths.length, seed + 1_000);
  const headers = { authorization: `Bearer ${app.adminKey}` };
  try {
    return await repeatAt(REST_RATE, seconds, async () => {
      const path = paths[pick()]?.path ?? '/';
      const { statusCode, body } = await pool.request({ method: 'GET', path, headers });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}: ${text}`);
    });
  } finally {
    await pool.close();
  }
}

async function untilKnown(app: BenchApp, paths: readonly { path: string }[]): Promise<void> {
  const headers = { authorization: `Bearer ${app.adminKey}` };
  for (const { path } of paths.slice(-3)) {
    await waitFor(async () => (await fetch(app.url + path, { headers })).ok, {
      timeoutMs: 600_000,
      everyMs: 100,
      what: path,
    });
  }
}

async function countsOf(app: BenchApp): Promise<{ hits: number; misses: number }> {
  const answer = await fetch(`${app.url}/metrics`, { headers: { authorization: `Bearer ${app.adminKey}` } });
  const text = await answer.text();
  const count = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { hits: count('cache_hits_total'), misses: count('cache_misses_total') };
}

async function insertPrices(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO token_prices (token, price) SELECT 'token-' || n, 1 + n FROM generate_series(0, $1::int - 1) n`,
      [TOKENS],
    );
  } finally {
    await client.end();
  }
}

/** Empties the cache, as an hour without publications and look-ups would. */
async function emptyCache(url: string, protocols: readonly Key[]): Promise<void> {
  const client = new Redis(url);
  const tvls = protocols.flatMap(({ protocol, chain }) => [`tvl:${protocol}`, `tvl:${protocol}:${chain}`]);
  await client.del(...tvls, ...Array.from({ length: TOKENS }, (_, n) => `price:token-${n}`));
  client.disconnect();
}
