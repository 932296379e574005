import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SETTINGS } from '../../src/platform/settings/settings-table.js';
import type { Setting } from '../../src/platform/settings/setting.js';
import { readComposeFile, type ComposeService } from '../support/compose/compose-file.js';
import { IsolatedNetwork, NO_ISOLATION } from '../support/compose/isolated-network.js';
import { waitFor } from '../support/wait-for.js';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/src/main.js');
const POSTGRES = globSync('/usr/lib/postgresql/{15,16,17,18}/bin').at(-1) ?? '';

const { services, volumes } = readComposeFile('compose.yaml');
const named = Object.entries(services);
const service = (name: string): ComposeService => {
  const found = services[name];
  if (found === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return found;
};
const isOurs = ({ image }: ComposeService): boolean => image.startsWith('defi-realtime:');

describe('compose.yaml', () => {
  it('names every image with its version, and no password', () => {
    for (const [name, { image, environment = {} }] of named) {
      expect(`${name}: ${image}`).toMatch(/^[\w-]+: [\w./-]+:\d[\w.-]*$/);
      const secrets = Object.keys(environment).filter((key) =>
        /(?:PASSWORD|SECRET|_KEY|DATABASE_URL|REDIS_URL)$/.test(key),
      );
      expect([name, ...secrets]).toEqual([name]);
    }
  });

  it('has at most 10 services without a profile, and every one that it waits for', () => {
    const usual = named.filter(([, { profiles }]) => profiles === undefined);
    expect(usual.length).toBeLessThanOrEqual(10);
    const awaited = named.flatMap(([, { depends_on = {} }]) => Object.entries(depends_on));
    const unchecked = awaited.filter(
      ([name, { condition }]) => condition === 'service_healthy' && service(name).healthcheck === undefined,
    );
    expect(unchecked).toEqual([]);
  });

  it('sets settings that exist only, and runs our image without rights and with time to drain', () => {
    const settings = new Map<string, Setting<unknown>>(Object.entries(SETTINGS));
    for (const [name, ours] of named.filter(([, each]) => isOurs(each))) {
      for (const key of Object.keys(ours.environment ?? {})) {
        const isSecretFile = settings.get(key.replace(/_FILE$/, ''))?.secret === true && key.endsWith('_FILE');
        expect([name, key, settings.has(key) || isSecretFile]).toEqual([name, key, true]);
      }
      expect([name, ours.read_only, ours.cap_drop]).toEqual([name, true, ['ALL']]);
      if (ours.command?.[0] !== 'start') continue;
      const drain = Number(ours.environment?.['DRAIN_SECONDS'] ?? SETTINGS.DRAIN_SECONDS.fallback);
      expect(Number.parseInt(ours.stop_grace_period ?? '10', 10)).toBeGreaterThanOrEqual(drain + 10);
    }
  });

  it('mounts files that exist, and volumes that it declares', () => {
    const development = readComposeFile('compose.dev.yaml').services;
    expect(Object.keys(development).filter((name) => services[name] === undefined)).toEqual([]);
    for (const [name, { volumes: mounts = [] }] of named) {
      for (const mount of mounts) {
        const [source = ''] = mount.split(':');
        const isThere = source.startsWith('.')
          ? existsSync(join(ROOT, source))
          : volumes !== undefined && source in volumes;
        expect([name, mount, isThere]).toEqual([name, mount, true]);
      }
    }
  });
});

describe.skipIf(NO_ISOLATION !== undefined)(
  'the services of compose.yaml as plain processes',
  { timeout: 300_000 },
  () => {
    let network: IsolatedNetwork;
    const program = (command: readonly string[]): string[] =>
      command[0] === 'defi-realtime' ? [process.execPath, MAIN, ...command.slice(1)] : [...command];
    /** Command of a service of our image, whose entry point is `defi-realtime`. */
    const ours = (name: string): [string[], Record<string, string>] => {
      const { command = [], environment = {} } = service(name);
      const data = { NODE_ENV: 'production', DATA_DIR: join(network.folder, name), LOG_LEVEL: 'warn' };
      return [program(['defi-realtime', ...command]), { ...data, ...environment }];
    };
    const untilHealthy = async (name: string, output: () => string): Promise<void> => {
      const [kind, ...check] = service(name).healthcheck?.test ?? [];
      const command = kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...check] : program(check);
      const { environment = {} } = service(name);
      const isHealthy = (): boolean => network.succeeds(command, isOurs(service(name)) ? environment : {});
      await waitFor(isHealthy, { timeoutMs: 120_000, everyMs: 200, what: `health of ${name}` }).catch(
        (error: unknown) => {
          throw new Error(`${name} is not healthy: ${output()}`, { cause: error });
        },
      );
    };
    const startHealthy = async (name: string, command: readonly string[], env: Record<string, string>): Promise<void> =>
      untilHealthy(name, network.start(command, env).output);

    async function startDatabase(): Promise<void> {
      const { command = [], environment = {} } = service('database');
      const directory = join(network.folder, 'postgres');
      const asPostgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'];
      network.run(['install', '-d', '-o', 'postgres', directory]);
      const password = environment['POSTGRES_PASSWORD_FILE'] ?? '';
      const user = environment['POSTGRES_USER'] ?? '';
      const initial = [`--username=${user}`, `--pwfile=${password}`, '--auth=scram-sha-256', '--no-sync'];
      network.run([...asPostgres, join(POSTGRES, 'initdb'), `--pgdata=${directory}`, ...initial]);
      const place = ['-D', directory, '-c', 'listen_addresses=*', '-c', 'unix_socket_directories='];
      const [server = '', ...options] = command;
      const access = join(directory, 'pg_hba.conf');
      network.run(['/bin/sh', '-c', `echo 'host all all all scram-sha-256' >> ${access}`]);
      await startHealthy('database', [...asPostgres, join(POSTGRES, server), ...options, ...place], {});
      const url = `host=127.0.0.1 user=${user} dbname=postgres`;
      const create = `PGPASSWORD="$(cat ${password})" psql '${url}' -c 'CREATE DATABASE ${environment['POSTGRES_DB']}'`;
      network.run(['/bin/sh', '-c', create]);
    }

    beforeAll(async () => {
      network = await IsolatedNetwork.open(named.map(([name]) => name));
      network.run(...ours('secrets'));
      await startDatabase();
      await startHealthy('redis', service('redis').command ?? [], {});
      network.run(...ours('migrate'));
      await Promise.all(['app-1', 'app-2', 'worker'].map((name) => startHealthy(name, ...ours(name))));
      const nginx = service('nginx');
      for (const mount of nginx.volumes ?? []) {
        const [source = '', target = ''] = mount.split(':');
        if (source.startsWith('.')) network.run(['cp', join(ROOT, source), target]);
      }
      await startHealthy('nginx', nginx.command ?? [], {});
    }, 300_000);
    afterAll(() => network?.close());

    it('are all healthy and serve REST, WebSocket and SSE through TLS 1.3, and nothing through TLS 1.2', () => {
      const client = join(ROOT, 'test/support/compose/edge-client.mjs');
      const seen: unknown = JSON.parse(network.run([process.execPath, client]));
      expect(seen).toEqual({
        tls12: expect.stringMatching(/PROTOCOL_VERSION|ECONNRESET/),
        tls13: 'TLSv1.3',
        me: 200,
        webSocket: 'connected',
        stream: expect.arrayContaining(['ready', expect.stringMatching(/^(?:tvl|price)/)]),
      });
    });

    it('keep the secrets of the first start', () => {
      expect(network.run(...ours('secrets'))).toBe('No secret was missing (in /run/secrets).\n');
    });
  },
);
