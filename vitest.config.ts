import { defineConfig } from 'vitest/config';

/**
 * One project per suite. Every suite but `unit` gets a PostgreSQL cluster of its own from test/support/run/global-setup.ts;
 * each test file clones its own database from the migrated template, so files run side by side.
 */
const suite = (name: string, include: string | string[], extra: object = {}) => ({
  extends: true as const,
  test: {
    name,
    include: [include].flat(),
    globalSetup: ['./test/support/run/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    ...extra,
  },
});

/** End-to-end tests of what goes through Redis. */
const THROUGH_REDIS = [
  'access-limits',
  'alerts-pods',
  'balancer-two-pods',
  'management',
  'management-pods',
  'roles',
  'socketio',
  'sse',
  'websocket-resume',
];
const onCluster = process.env['TEST_LONG'] === '1' ? ['*'] : THROUGH_REDIS;

const TYPESCRIPT = new URL('test/support/run/typescript.mjs', import.meta.url).href;

export default defineConfig({
  test: {
    setupFiles: ['./test/support/run/setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Worker threads of the product run its TypeScript as it stands.
    execArgv: ['--experimental-transform-types', '--disable-warning=ExperimentalWarning', '--import', TYPESCRIPT],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: [
        'src/**/*.spec.ts',
        'src/**/*.fixture.ts',
        'src/main.ts',
        'src/commands/start.ts',
        'src/**/*.dto.ts',
        'src/**/*.entity.ts',
      ],
      reporter: ['text-summary', 'json-summary', 'json'],
      thresholds: { lines: 90 },
    },
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.spec.ts'], testTimeout: 30_000 } },
      suite('contract', 'test/contract/**/*.test.ts'),
      suite('integration', 'test/integration/**/*.test.ts'),
      suite('postgres-15', 'test/postgres-15/**/*.test.ts'),
      suite('e2e', 'test/e2e/**/*.test.ts'),
      // The end-to-end tests once more, on a Redis Cluster; all of them, which is 150 s of processor time, in a long run.
      suite('cluster', ['test/cluster/**/*.test.ts', ...onCluster.map((name) => `test/e2e/${name}.test.ts`)], {
        globalSetup: ['./test/support/run/global-setup.ts', './test/support/run/cluster-setup.ts'],
      }),
      suite('fault', 'test/fault/**/*.test.ts', { testTimeout: 300_000 }),
      suite('security', 'test/security/**/*.test.ts', { testTimeout: 120_000 }),
      suite('browser', 'test/browser/**/*.test.ts', { testTimeout: 120_000 }),
    ],
  },
});
