import { expect, test } from 'vitest';
import { RedisConnections } from '../../src/platform/redis/redis-connections.js';
import { createTestApp } from '../support/servers/create-test-app.js';

test('an application of the cluster suite detects that its Redis is a cluster', async () => {
  const app = await createTestApp();
  const redis = app.nest.get(RedisConnections);
  expect([redis.state, redis.clustered]).toEqual(['up', true]);
  await app.close();
});
