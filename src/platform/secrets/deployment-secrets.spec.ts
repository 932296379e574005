import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseSettings } from '../settings/settings.js';
import { writeMissingSecrets } from './deployment-secrets.js';

const NOW = new Date('2026-12-01T00:00:00Z');
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'secrets-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const contents = (): Record<string, string> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

it('secrets are made once, differ between deployments, and form valid settings', () => {
  expect(writeMissingSecrets(folder, NOW).sort()).toEqual(readdirSync(folder).sort());
  const first = contents();
  expect(writeMissingSecrets(folder, NOW)).toEqual([]);
  expect(contents()).toEqual(first);
  const values = Object.values(first);
  expect(new Set(values).size).toBe(values.length);
  expect(first['database_url']).toContain(first['database_password']);
  expect(first['redis_url']).toContain(first['redis_password']);
  const names = ['secrets_key', 'database_url', 'redis_url'];
  const files = names.map((name) => [`${name.toUpperCase()}_FILE`, join(folder, name)]);
  const settings = parseSettings({
    ...Object.fromEntries(files),
    BOOTSTRAP_ADMIN_KEY_FILE: join(folder, 'admin_key'),
    TLS_CERT: join(folder, 'tls.crt'),
    TLS_KEY: join(folder, 'tls.key'),
  });
  expect(settings.bootstrapAdminKey).toBe(first['admin_key']);
  expect(statSync(join(folder, 'tls.key')).mode & 0o777).toBe(0o400);

  rmSync(folder, { recursive: true });
  writeMissingSecrets(folder, NOW);
  expect(values).not.toContain(contents()['secrets_key']);
});

it('a secret that was there before is kept and used in those that contain it', () => {
  writeFileSync(join(folder, 'database_password'), 'mine\n');
  expect(writeMissingSecrets(folder, NOW)).not.toContain('database_password');
  expect(contents()['database_url']).toBe('postgres://defi:mine@database:5432/defi');
});

it('a certificate is replaced 30 days before its end, together with its key', () => {
  writeMissingSecrets(folder, NOW);
  const ends = new X509Certificate(contents()['tls.crt'] ?? '').validToDate.getTime();
  expect(writeMissingSecrets(folder, new Date(ends - 31 * 86_400_000))).toEqual([]);
  expect(writeMissingSecrets(folder, new Date(ends - 29 * 86_400_000))).toEqual(['tls.key', 'tls.crt']);
  rmSync(join(folder, 'tls.key'));
  expect(writeMissingSecrets(folder, new Date(ends))).toEqual(['tls.key', 'tls.crt']);
});
