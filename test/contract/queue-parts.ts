import { randomUUID } from 'node:crypto';
import { getQueueToken, Processor } from '@nestjs/bullmq';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Job } from 'bullmq';
import { Database } from '../../src/platform/database/database.js';
import { migrateDatabase } from '../../src/platform/database/migrate-database.js';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { JobProcessor } from '../../src/platform/queue/job-processor.js';
import { JobQueue } from '../../src/platform/queue/job-queue.js';
import { QueueModule } from '../../src/platform/queue/queue.module.js';
import { RedisConnections } from '../../src/platform/redis/redis-connections.js';
import { parseSettings, Settings } from '../../src/platform/settings/settings.js';
import { startRedis, startRedisCluster } from '../support/servers/redis-server.js';
import { startTestCluster } from '../support/servers/test-cluster.js';

/** Server that stores jobs; a test may stop it and start it again. */
export interface QueueServer {
  /** Environment with which a process uses the server. */
  readonly env: Record<'DATABASE_URL' | 'REDIS_URL' | 'KEY_PREFIX', string>;
  end(): Promise<void>;
  begin(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Every acknowledged write survives the end of the server: without this option, writes after the last snapshot are lost.
 */
const DURABLE = ['--appendonly', 'yes'];
const UNUSED_DATABASE = 'postgres://postgres@127.0.0.1:1/unused';

export async function postgresServer(): Promise<QueueServer> {
  const cluster = await startTestCluster();
  const url = cluster.address('postgres');
  await migrateDatabase(url);
  return {
    env: { DATABASE_URL: url, REDIS_URL: '', KEY_PREFIX: '' },
    end: cluster.end,
    begin: cluster.begin,
    close: cluster.stop,
  };
}

export async function redisServer(): Promise<QueueServer> {
  const redis = await startRedis(DURABLE);
  return {
    env: { DATABASE_URL: UNUSED_DATABASE, REDIS_URL: redis.url, KEY_PREFIX: `${randomUUID()}:` },
    end: redis.stop,
    begin: redis.start,
    close: redis.close,
  };
}

export async function redisClusterServer(): Promise<QueueServer> {
  const { url, nodes, close } = await startRedisCluster(DURABLE);
  return {
    env: { DATABASE_URL: UNUSED_DATABASE, REDIS_URL: url, KEY_PREFIX: `${randomUUID()}:` },
    end: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
    begin: async () => void (await Promise.all(nodes.map((node) => node.start()))),
    close,
  };
}

/** Data of a test job. */
export interface Numbered {
  number: number;
}

/** Work of a process for each job. */
export interface Work {
  handler: (job: Job<Numbered>) => Promise<void>;
  concurrency?: number;
}

/** Parts of one process: its queue, and its graceful stop. */
export interface QueueProcess {
  readonly queue: JobQueue<Numbered>;
  readonly metrics: Metrics;
  /** Whether the worker accepts no further jobs. */
  readonly stopping: boolean;
  stop(): Promise<void>;
}

@Module({})
class Platform {
  static async with(env: Record<string, string>): Promise<DynamicModule> {
    const settings = parseSettings({ ...env, SECRETS_KEY: 'a key that only tests use' });
    const metrics = new Metrics();
    const redis = await RedisConnections.open(settings, metrics);
    const database = new Database({ url: env['DATABASE_URL'] ?? '', poolSize: 2 });
    const providers = [
      { provide: Settings, useValue: settings },
      { provide: Metrics, useValue: metrics },
      { provide: RedisConnections, useValue: redis },
      { provide: Database, useValue: database },
    ];
    return { module: Platform, global: true, providers, exports: [Settings, Metrics, RedisConnections, Database] };
  }
}

@Module({})
class Feature {}

function processorOf(name: string, { handler, concurrency = 1 }: Work): Type<JobProcessor<Numbered>> {
  @Processor(name, { concurrency })
  class TestProcessor extends JobProcessor<Numbered> {
    process(job: Job<Numbered>): Promise<void> {
      return handler(job);
    }
  }
  return TestProcessor;
}

/** Starts a process with a queue of this name; with `work`, the process performs that for its jobs. */
export async function queueProcess(env: Record<string, string>, name: string, work?: Work): Promise<QueueProcess> {
  const processor = work && processorOf(name, work);
  const app = await NestFactory.createApplicationContext({
    module: Feature,
    imports: [await Platform.with(env), QueueModule, QueueModule.register(name)],
    providers: processor === undefined ? [] : [processor],
  });
  let stopped: Promise<void> | undefined;
  return {
    queue: app.get<JobQueue<Numbered>>(getQueueToken(name), { strict: false }),
    metrics: app.get(Metrics, { strict: false }),
    get stopping() {
      return processor !== undefined && app.get(processor).worker.closing !== undefined;
    },
    stop: () => (stopped ??= app.close()),
  };
}
