// A process with one worker that never finishes its job, for a test that kills it. Says which job it took.
import { Database } from '../../dist/src/platform/database/database.js';
import { Metrics } from '../../dist/src/platform/metrics/metrics.js';
import { Queues } from '../../dist/src/platform/queue/queues.js';
import { RedisConnections } from '../../dist/src/platform/redis/redis-connections.js';
import { parseSettings } from '../../dist/src/platform/settings/settings.js';

const settings = parseSettings(process.env);
const metrics = new Metrics();
const redis = await RedisConnections.open(settings, metrics);
const database = new Database({ url: settings.databaseUrl, poolSize: 2 });
new Queues(settings, redis, database, metrics).worker(process.argv[2], (job) => {
  process.send(job.data.number);
  return new Promise(() => undefined);
});
