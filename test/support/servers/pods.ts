import { serverPort } from './server-port.js';
import { AppProcess } from './app-process.js';
import { startNginx, type TestNginx } from './nginx.js';
import { startRedis, type TestRedis } from './redis-server.js';
import type { TestDatabase } from './test-database.js';

export const POD_KEY = `rta_podsadmin_${'k'.repeat(43)}`;

/** Three processes on one database and one Redis behind nginx, as in a deployment. */
export interface TestPods {
  readonly url: string;
  readonly pods: readonly [AppProcess, AppProcess, AppProcess];
  readonly db: TestDatabase;
  readonly redis: TestRedis;
  readonly nginx: TestNginx;
  stop(): Promise<void>;
}

/** Starts the pods; their end also ends the database and the Redis of `openRedis`. */
export async function startPods(
  db: TestDatabase,
  env: Record<string, string> = {},
  openRedis: () => Promise<TestRedis> = startRedis,
): Promise<TestPods> {
  const ending: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ending.splice(0).toReversed()) await end();
  };
  try {
    ending.push(() => db.drop());
    const redis = await openRedis();
    ending.push(() => redis.close());
    const pod = async (n: number): Promise<AppProcess> => {
      const app = new AppProcess(await serverPort(), {
        DATABASE_URL: db.url,
        REDIS_URL: redis.url,
        POD_ID: `pod-${n}`,
        TRUST_PROXY: '1',
        BOOTSTRAP_ADMIN_KEY: POD_KEY,
        SECRETS_KEY: 'pods-test-secrets-key-of-32-bytes',
        MIGRATE_ON_START: 'false',
        LIMIT_CONNECTS_PER_ADDRESS: 'free=0,pro=0,enterprise=0',
        ...env,
      });
      ending.push(() => app.end('SIGKILL'));
      await app.start();
      return app;
    };
    const pods = [await pod(1), await pod(2), await pod(3)] as const;
    const nginx = await startNginx([pods[0].port, pods[1].port, pods[2].port]);
    ending.push(() => nginx.stop());
    return { url: nginx.url, pods, db, redis, nginx, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
