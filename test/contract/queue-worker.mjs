// Process with one worker that never finishes its job, for a test that kills it. Prints the job that the worker took.
import { Processor } from '@nestjs/bullmq';
import { NestFactory } from '@nestjs/core';
import { Database } from '../../dist/src/platform/database/database.js';
import { Metrics } from '../../dist/src/platform/metrics/metrics.js';
import { JobProcessor } from '../../dist/src/platform/queue/job-processor.js';
import { QueueModule } from '../../dist/src/platform/queue/queue.module.js';
import { RedisConnections } from '../../dist/src/platform/redis/redis-connections.js';
import { parseSettings, Settings } from '../../dist/src/platform/settings/settings.js';

const settings = parseSettings(process.env);
const metrics = new Metrics();
const redis = await RedisConnections.open(settings, metrics);
const database = new Database({ url: settings.databaseUrl, poolSize: 2 });
const name = process.argv[2];

class EndlessProcessor extends JobProcessor {
  process(job) {
    process.send(job.data.number);
    return new Promise(() => undefined);
  }
}
Processor(name)(EndlessProcessor);

class Platform {}
class Feature {}
const provided = new Map([
  [Settings, settings],
  [Metrics, metrics],
  [RedisConnections, redis],
  [Database, database],
]);
const platform = {
  module: Platform,
  global: true,
  providers: [...provided].map(([provide, useValue]) => ({ provide, useValue })),
  exports: [...provided.keys()],
};
await NestFactory.createApplicationContext(
  { module: Feature, imports: [platform, QueueModule, QueueModule.register(name)], providers: [EndlessProcessor] },
  { logger: false },
);
