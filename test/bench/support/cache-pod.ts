/**
 * Second pod of the service, composed like the built app. It looks keys up in its hot cache and times each look-up: the
 * cost of a look-up without HTTP.
 */
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { repeatAt } from './fixed-rate.js';
import { zipf } from './zipf.js';

export interface CachePodTask {
  readonly env: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
}
/** Looks up single keys for a given time. */
export interface LookUpRound {
  readonly type: 'look-up';
  readonly keys: readonly string[];
  readonly perSecond: number;
  readonly seconds: number;
  readonly seed: number;
}
export interface LookUpReport {
  readonly type: 'looked-up';
  /** Milliseconds per look-up, unsorted. */
  readonly took: Float64Array;
  readonly hits: number;
  readonly misses: number;
  /** Number of keys without a value: should be 0. */
  readonly unknown: number;
}

async function start({ env, databaseUrl }: CachePodTask): Promise<NestExpressApplication> {
  const { AppModule } = await built<typeof import('../../../src/app.module.js')>('app.module.js');
  const { serverOptions, setUp } = await built<typeof import('../../../src/app.setup.js')>('app.setup.js');
  const { parseSettings } = await built<typeof import('../../../src/platform/settings/settings.js')>(
    'platform/settings/settings.js',
  );
  const settings = parseSettings({ ...env, ROLE: 'gateway', DATABASE_URL: databaseUrl });
  const module = AppModule.with(settings, databaseUrl);
  const app = await NestFactory.create<NestExpressApplication>(module, serverOptions(settings));
  return setUp(app).init();
}

async function lookUps(app: NestExpressApplication): Promise<(round: LookUpRound) => Promise<LookUpReport>> {
  const { HotCache } = await built<typeof import('../../../src/events/hot-cache/hot-cache.js')>(
    'events/hot-cache/hot-cache.js',
  );
  const { Metrics } =
    await built<typeof import('../../../src/platform/metrics/metrics.js')>('platform/metrics/metrics.js');
  const cache = app.get(HotCache);
  const { registry } = app.get(Metrics);
  const count = async (name: string): Promise<number> =>
    (await registry.getSingleMetric(name)?.get())?.values[0]?.value ?? 0;
  const counts = async (): Promise<{ hits: number; misses: number }> => ({
    hits: await count('cache_hits_total'),
    misses: await count('cache_misses_total'),
  });

  return async ({ keys, perSecond, seconds, seed }) => {
    const pick = zipf(keys.length, seed);
    const before = await counts();
    let unknown = 0;
    const took = await repeatAt(perSecond, seconds, async () => {
      const [value] = await cache.getMany([keys[pick()] ?? '']);
      if (value === undefined) unknown += 1;
    });
    const after = await counts();
    const [hits, misses] = [after.hits - before.hits, after.misses - before.misses];
    return { type: 'looked-up', took, hits, misses, unknown };
  };
}

function built<T>(path: string): Promise<T> {
  return import(join(import.meta.dirname, '../../../dist/src', path)) as Promise<T>;
}

process.once('message', (task: CachePodTask) => {
  void (async () => {
    const lookUp = await lookUps(await start(task));
    process.on('message', (round: LookUpRound) => void lookUp(round).then((report) => process.send?.(report)));
    process.send?.({ type: 'ready' });
  })();
});
