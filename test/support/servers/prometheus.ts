import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../wait-for.js';
import { serverPort } from './server-port.js';

const INSTALL = 'Prometheus is not installed: apt-get install prometheus';
const RULES = join(import.meta.dirname, '../../../docker/prometheus/rules');

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly unknown[] };
}

/** Prometheus from Debian with the shipped rules, which scrapes one application every second. */
export class TestPrometheus {
  private constructor(
    readonly url: string,
    private readonly folder: string,
    private readonly server: ChildProcess,
  ) {}

  static async start(target: string): Promise<TestPrometheus> {
    if (spawnSync('prometheus', ['--version']).status !== 0) throw new Error(INSTALL);
    const [port, folder] = [await serverPort(), mkdtempSync(join(tmpdir(), 'prometheus-test-'))];
    const targets = [{ targets: [new URL(target).host] }];
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [`${RULES}/*.yml`],
      scrape_configs: [{ job_name: 'defi-realtime', static_configs: targets }],
    };
    // JSON is YAML.
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const flags = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`];
    const listen = `--web.listen-address=127.0.0.1:${port}`;
    const server = spawn('prometheus', [...flags, listen, '--log.level=error'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const prometheus = new TestPrometheus(`http://127.0.0.1:${port}`, folder, server);
    const isReady = () =>
      fetch(`${prometheus.url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await waitFor(isReady, { timeoutMs: 30_000, what: 'Prometheus' });
    return prometheus;
  }

  /** Returns the number of series that the expression has now. Throws if it cannot be executed. */
  async count(expression: string): Promise<number> {
    const body = new URLSearchParams({ query: expression });
    const answer = (await (await fetch(`${this.url}/api/v1/query`, { method: 'POST', body })).json()) as Answer;
    if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`);
    return answer.data?.result.length ?? 0;
  }

  async close(): Promise<void> {
    const ended = once(this.server, 'exit');
    this.server.kill();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
