import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { METRICS_TABLE } from '../../src/platform/metrics/metrics-table.js';
import type { MetricRow } from '../../src/platform/metrics/table/metric-row.js';
import { BusyApp } from '../support/servers/busy-app.js';
import { TestPrometheus } from '../support/servers/prometheus.js';
import { waitFor } from '../support/wait-for.js';

interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  for?: string;
  labels?: { severity?: string; component?: string };
  annotations?: { summary?: string; runbook_url?: string };
}
interface Dashboard {
  uid: string;
  panels: { title: string; targets: { expr: string }[] }[];
}

const DOCKER = join(import.meta.dirname, '../../docker');
const files = globSync(join(DOCKER, 'prometheus/rules/*.yml'));
const read = (file: string): Rule[] =>
  (parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);
const rules = files.flatMap(read);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
const dashboards = globSync(join(DOCKER, 'grafana/dashboards/*.json')).map(
  (file) => JSON.parse(readFileSync(file, 'utf8')) as Dashboard,
);
const rows = new Map<string, MetricRow>(Object.values(METRICS_TABLE).flatMap((component) => Object.entries(component)));

/** Metrics of Prometheus itself and of the exporters, which are not in the table. */
const FOREIGN = /^(?:up|vector|pg_\w+|redis_(?:up|memory_\w+|commands_\w+|connected_\w+|evicted_\w+))$/;
/** Metrics with these labels have no sample before their first event, so that `absent()` says nothing. */
const ONLY_AFTER_USE = ({ labels = {} }: MetricRow): boolean => Object.keys(labels).length > 0;
const WORDS = /\b(?:by|on|without|group_left)\s*\([^)]*\)|\{[^}]*\}|"[^"]*"|\[[^\]]*\]/g;
const NO_METRICS = new Set(['and', 'or', 'unless', 'on', 'by', 'group_left']);

/** Names of the metrics in an expression: words that are not followed by a bracket. */
function metricsIn(expression: string): string[] {
  const bare = expression.replaceAll(WORDS, ' ');
  return [...bare.matchAll(/(?<![\w:.])[a-z_][\w:]*(?![\w:(])(?!\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !NO_METRICS.has(name));
}
const rowOf = (name: string): MetricRow | undefined =>
  rows.get(name) ?? rows.get(name.replace(/_(?:bucket|sum|count)$/, ''));
const pageOf = (alert: string): string => readFileSync(join(DOCKER, 'runbooks', `${alert}.md`), 'utf8');

/** Runbooks that belong to no alert. */
const PAGES_WITHOUT_ALERT = ['restore', 'scaling', 'troubleshooting'];

describe('the alert rules', () => {
  it('pass their tests for firing, not firing and missing data', () => {
    const tests = globSync(join(DOCKER, 'prometheus/tests/*.yml'));
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', ...tests], { encoding: 'utf8' });
    expect(status, `${stdout}${stderr}`).toBe(0);
    const tested = tests.map((file) => readFileSync(file, 'utf8')).join('\n');
    for (const { alert } of alerts) {
      expect(tested).toMatch(new RegExp(`name: ${alert} fires`));
      expect(tested).toMatch(new RegExp(`name: ${alert} is quiet`));
    }
  });

  it('name metrics that exist, have a severity, and differ in their names', () => {
    const unknown = rules
      .flatMap(({ expr }) => metricsIn(expr))
      .filter((name) => !rowOf(name) && !recorded.has(name) && !FOREIGN.test(name));
    expect(unknown).toEqual([]);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    for (const { alert, labels, annotations } of alerts) {
      expect(['warning', 'critical'], `${alert}`).toContain(labels?.severity);
      expect(annotations?.summary, `${alert}`).toMatch(/\S/);
    }
  });

  it('have a twin for missing data of every metric that a running application always has', () => {
    const missing = alerts.filter(({ alert = '' }) => alert.endsWith('DataMissing')).map(({ expr }) => expr);
    const watched = new Set(missing.flatMap((expr) => [...expr.matchAll(/absent\(([\w:]+)/g)].map(([, name]) => name)));
    const judged = alerts
      .filter(({ alert = '' }) => !alert.endsWith('DataMissing'))
      .flatMap(({ expr }) => metricsIn(expr));
    const unwatched = judged.filter((name) => {
      const row = rowOf(name);
      return row !== undefined && !ONLY_AFTER_USE(row) && !watched.has(name);
    });
    expect([...new Set(unwatched)]).toEqual([]);
    for (const file of files) expect(readFileSync(file, 'utf8'), `rules of ${file}`).toMatch(/absent\(/);
  });

  it('each have a runbook page that says what it means, how to confirm it, and what to do', () => {
    const pages = new Set(globSync(join(DOCKER, 'runbooks/*.md')).map((file) => basename(file, '.md')));
    for (const { alert = '', annotations, expr } of alerts) {
      expect(annotations?.runbook_url).toBe(`docker/runbooks/${alert}.md`);
      expect(existsSync(join(DOCKER, 'runbooks', `${alert}.md`)), `page of ${alert}`).toBe(true);
      const page = pageOf(alert);
      for (const part of ['## Meaning', '## Confirm', '## Do']) expect(page, `page of ${alert}`).toContain(part);
      expect(page, `page of ${alert}`).toContain(expr);
      pages.delete(alert);
    }
    expect([...pages].toSorted()).toEqual(PAGES_WITHOUT_ALERT);
  });
});

describe('on a Prometheus that scrapes an application under load', () => {
  let busy: BusyApp;
  let prometheus: TestPrometheus;

  beforeAll(async () => {
    busy = await BusyApp.start();
    prometheus = await TestPrometheus.start(busy.app.url);
  });
  afterAll(async () => {
    await prometheus?.close();
    await busy?.close();
  });

  it('every panel of the dashboards shows something', async () => {
    expect(dashboards.map(({ uid }) => uid).toSorted()).toEqual(
      ['alerts', 'capture', 'node', 'onchain', 'postgres', 'query', 'redis', 'slo', 'streaming'].map((n) => `rta-${n}`),
    );
    const expressions = dashboards
      .filter(({ uid }) => uid !== 'rta-postgres' && uid !== 'rta-redis')
      .flatMap(({ panels }) => panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)));
    await waitFor(
      async () => {
        const counts = await Promise.all(expressions.map((expression) => prometheus.count(expression)));
        const empty = expressions.filter((_, at) => counts[at] === 0);
        if (empty.length > 0) throw new Error(`empty: ${empty.join('\n')}`);
        return true;
      },
      { timeoutMs: 90_000, everyMs: 3_000, what: 'a value of every panel' },
    );
  }, 120_000);

  it('every rule, and every panel of the exporters, is executed', async () => {
    const panels = dashboards.flatMap(({ panels: of }) => of.flatMap(({ targets }) => targets.map(({ expr }) => expr)));
    const expressions = [...rules.map(({ expr }) => expr), ...panels];
    await expect(Promise.all(expressions.map((expression) => prometheus.count(expression)))).resolves.toHaveLength(
      expressions.length,
    );
  });

  it('the commands of the runbooks work as printed', async () => {
    for (const page of [...alerts.map(({ alert = '' }) => alert), ...PAGES_WITHOUT_ALERT]) {
      const blocks = pageOf(page).matchAll(/```sh\n([\s\S]*?)```/g);
      const commands = [...blocks].flatMap(([, text = '']) => text.trim().split('\n'));
      expect(commands.length, `page ${page}`).toBeGreaterThan(1);
      const faults = await Promise.all(commands.map(faultOf));
      expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
    }
  }, 120_000);

  it('the routes that the runbooks name exist', async () => {
    const document = (await (await fetch(`${busy.app.url}/openapi.json`)).json()) as { paths: Record<string, object> };
    const text = [...alerts.map(({ alert = '' }) => alert), ...PAGES_WITHOUT_ALERT].map(pageOf).join('\n');
    const named = [...text.matchAll(/`(GET|POST) (\/v1\/[^`]+)`/g)];
    expect(named.length).toBeGreaterThan(5);
    for (const [, method = '', path = ''] of named) {
      expect(Object.keys(document.paths[path] ?? {}), `route ${path}`).toContain(method.toLowerCase());
    }
  });

  /** Executes a command; returns undefined if it worked, or what went wrong. */
  async function faultOf(command: string): Promise<string | undefined> {
    try {
      await run(command);
      return undefined;
    } catch (error) {
      return `${command}: ${String(error)}`;
    }
  }

  async function run(command: string): Promise<unknown> {
    const sql = /^psql "\$DATABASE_URL" -c "(.*)"$/.exec(command)?.[1];
    if (sql !== undefined) return busy.app.db.pool.query(sql);
    const query = /^promtool query instant http:\/\/localhost:9090 '(.*)'$/.exec(command)?.[1];
    if (query !== undefined) return prometheus.count(query);
    if (command === 'curl -sS http://localhost:8080/health/ready') return fetch(`${busy.app.url}/health/ready`);
    if (!command.includes('redis-cli ')) throw new Error('unknown command');
    const env = { ...process.env, REDIS_URL: busy.redisUrl };
    const { status, stderr } = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' });
    // A subscription goes on until `timeout` ends it.
    if (status !== (command.startsWith('timeout ') ? 124 : 0)) throw new Error(`exit code ${status} ${stderr}`);
    return undefined;
  }
});
