import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { redact } from '../../platform/errors/redaction.js';
import { isoTime } from '../../platform/input/time.js';
import { SETTINGS } from '../../platform/settings/settings-table.js';
import { Settings } from '../../platform/settings/settings.js';
import type { Setting } from '../../platform/settings/setting.js';
import { Connections } from '../limits/connections.js';

/** Function that returns one part of the system overview, without secrets. */
type Fact = () => unknown;

/**
 * Longest wait for a fact, ms. A slower fact is reported as unavailable, so that the overview is returned even if parts of
 * the system hang.
 */
const FACT_TIMEOUT_MS = 2_000;

/** Facts shown by /v1/admin/system. Modules add theirs at the start. */
@Injectable()
export class SystemFacts {
  private readonly logger = new Logger(SystemFacts.name);
  private readonly facts = new Map<string, Fact>();
  private readonly startedAt: number;

  constructor(
    private readonly clock: Clock,
    settings: Settings,
    database: Database,
    connections: Connections,
  ) {
    this.startedAt = clock.now();
    this.add('process', () => this.process());
    this.add('settings', () => shownSettings(settings));
    this.add('database', () => databaseFacts(database));
    this.add('connections', () => ({ open: connections.total, keys: connections.keyIds().length }));
  }

  /** Adds a fact, or replaces the fact of this name; `name` becomes a field of the answer. */
  add(name: string, fact: Fact): void {
    this.facts.set(name, fact);
  }

  async all(): Promise<Record<string, unknown>> {
    const entries = [...this.facts].map(async ([name, fact]) => [name, await this.ask(name, fact)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  private async ask(name: string, fact: Fact): Promise<unknown> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error('took too long')), FACT_TIMEOUT_MS);
    try {
      return await Promise.race([Promise.resolve().then(fact), promise]);
    } catch (error) {
      this.logger.warn({ err: error, fact: name }, 'fact of the system overview unavailable');
      return { status: 'unavailable' };
    } finally {
      clearTimeout(timer);
    }
  }

  private process(): object {
    return {
      version: productVersion(),
      node: process.version,
      startedAt: isoTime(this.startedAt),
      uptimeSeconds: Math.floor((this.clock.now() - this.startedAt) / 1_000),
      memoryBytes: process.memoryUsage.rss(),
    };
  }
}

async function databaseFacts(database: Database): Promise<object> {
  const [server, migrations] = await Promise.all([
    database.one<{ version: string; bytes: number }>(
      `SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes`,
    ),
    database.query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY timestamp'),
  ]);
  const { totalCount, idleCount, waitingCount } = database.pool;
  return {
    ...server,
    migrations: migrations.map((row) => row.name),
    pool: { open: totalCount, idle: idleCount, waiting: waitingCount },
  };
}

/**
 * Returns every setting by its name. For secret settings only whether they are set; in other settings, text that looks like
 * a secret is redacted.
 */
function shownSettings(settings: Settings): Record<string, unknown> {
  const values = new Map<string, unknown>(Object.entries(settings));
  const shown = Object.entries<Setting<unknown>>(SETTINGS).map(([name, setting]): [string, unknown] => {
    const value = values.get(name.toLowerCase().replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
    return [name, setting.secret ? { set: value !== undefined } : withoutPasswords(value ?? null)];
  });
  return Object.fromEntries(shown);
}

/** Redacts passwords in settings that are not secret as a whole, such as `https://user:password@…` in a list of origins. */
function withoutPasswords(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPasswords);
  return typeof value === 'string' ? redact(value) : value;
}

/** Reads the version from package.json, which is in a parent directory of both src/ and dist/src/. */
function productVersion(): string {
  for (let folder = import.meta.dirname; folder !== join(folder, '..'); folder = join(folder, '..')) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
      return version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}
