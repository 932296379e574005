import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { PodChannel, type PodMessage } from '../../../src/platform/redis/pod-channel.js';
import { RedisConnections } from '../../../src/platform/redis/redis-connections.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { startRedis, type TestRedis } from '../../support/servers/redis-server.js';
import { waitFor } from '../../support/wait-for.js';

describe('PodChannel', () => {
  const ends: (() => void)[] = [];
  let redis: TestRedis;

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(async () => {
    for (const end of ends.splice(0)) end();
    await redis.close();
  });

  async function pod(env: Record<string, string> = { REDIS_URL: redis.url }) {
    const connections = await RedisConnections.open(parseSettings(env), new Metrics());
    const channel = new PodChannel(connections);
    const heard: PodMessage[] = [];
    channel.on('revoked', (body) => heard.push(body));
    ends.push(() => {
      channel.onApplicationShutdown();
      connections.onApplicationShutdown();
    });
    return { channel, heard };
  }

  const subscribers = async (): Promise<unknown> => ((await redis.call('PUBSUB', 'NUMSUB', 'pods')) as unknown[])[1];

  it('delivers messages inside the process without Redis', async () => {
    const { channel, heard } = await pod({});
    expect(await channel.publish('revoked', { key: 'a' })).toBe(true);
    expect(heard).toEqual([{ key: 'a' }]);
  });

  it('delivers a message once in every process, the sender included, to listeners of its kind', async () => {
    const [one, two] = [await pod(), await pod()];
    await waitFor(async () => (await subscribers()) === 2);
    await one.channel.publish('other', { key: 'b' });
    expect(await one.channel.publish('revoked', { key: 'a' })).toBe(true);
    await two.channel.publish('revoked', { key: 'c' });
    await waitFor(() => two.heard.length === 2 && one.heard.length === 2);
    expect(one.heard).toEqual([{ key: 'a' }, { key: 'c' }]);
    expect(new Set(two.heard)).toEqual(new Set([{ key: 'a' }, { key: 'c' }]));
  });

  it('ignores invalid messages, and survives a listener that throws', async () => {
    const one = await pod();
    one.channel.on('revoked', () => {
      throw new Error('a bug');
    });
    const last: PodMessage[] = [];
    one.channel.on('revoked', (body) => last.push(body));
    await waitFor(async () => (await subscribers()) === 1);
    const hostile = [
      '',
      '{',
      'null',
      '[]',
      '7',
      '{"sender":"x","kind":"revoked"}',
      '{"sender":"x","kind":"revoked","body":[]}',
    ];
    for (const text of [...hostile, `{"sender":"x","kind":"__proto__","body":{}}`, 'x'.repeat(1_100_000)]) {
      await redis.call('PUBLISH', 'pods', text);
    }
    await redis.call('PUBLISH', 'pods', '{"sender":"x","kind":"revoked","body":{"key":"good"}}');
    await waitFor(() => last.length > 0);
    expect(one.heard).toEqual([{ key: 'good' }]);
  });

  it('reports messages that stayed inside the process, and recovers with Redis', async () => {
    const [one, two] = [await pod(), await pod()];
    await redis.stop();
    await waitFor(async () => !(await one.channel.publish('revoked', { n: 1 })));
    await redis.start();
    await waitFor(async () => (await subscribers()) === 2);
    await waitFor(async () => {
      await one.channel.publish('revoked', { n: 2 });
      return two.heard.length > 0;
    });
    expect(two.heard[0]).toEqual({ n: 2 });
    expect(await one.channel.publish('revoked', { text: 'x'.repeat(1_000_001) })).toBe(false);
  });

  it('separates deployments by key prefix, and refuses invalid message kinds', async () => {
    const blue = await pod({ REDIS_URL: redis.url, KEY_PREFIX: 'blue:' });
    const green = await pod({ REDIS_URL: redis.url, KEY_PREFIX: 'green:' });
    await waitFor(async () => JSON.stringify(await redis.call('PUBSUB', 'CHANNELS')).includes('green:pods'));
    await waitFor(async () => JSON.stringify(await redis.call('PUBSUB', 'CHANNELS')).includes('blue:pods'));
    await blue.channel.publish('revoked', { of: 'blue' });
    await green.channel.publish('revoked', { of: 'green' });
    expect(green.heard).toEqual([{ of: 'green' }]);
    expect(() => blue.channel.on('Not A Kind', () => undefined)).toThrow(RangeError);
  });
});
