import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { loadSettings } from './load-settings.js';
import type { Setting } from './setting.js';
import { SETTINGS } from './settings-table.js';
import { parseSettings, SettingsError, type SettingsCheck } from './settings.js';

function faultsOf(env: Record<string, string>, names: string[] = []): readonly string[] {
  try {
    parseSettings(env, names);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

describe('`parseSettings`', () => {
  it('returns every documented default for an empty environment', () => {
    const settings = parseSettings({});
    expect(settings).toMatchObject({
      port: 8080,
      host: '0.0.0.0',
      dataDir: '.data',
      flushMs: 5,
      drainSeconds: 20,
      sampleSpeed: 60,
    });
    expect(settings.limitConnections).toEqual({ none: 256, free: 5, pro: 50, enterprise: 1000 });
    expect(settings.corsOrigins).toEqual(['*']);
  });

  it('migrates at the start by default only if the database is embedded', () => {
    const embedded = parseSettings({});
    expect([embedded.embedded, embedded.migrate]).toEqual([true, true]);
    const external = parseSettings({ DATABASE_URL: 'postgres://db/rta' });
    expect([external.embedded, external.migrate]).toEqual([false, false]);
  });

  it('reports all faults at once, each with its variable and value', () => {
    const faults = faultsOf({
      PORT: '70000',
      FLUSH_MS: '-1',
      DATABASE_URL: 'mysql://db',
      REDIS_PORT: '70000',
      VERIFY_TARGETS: 'perhaps',
      LIMIT_CONNECTIONS: 'gold=7',
      EGRESS_ALLOW: 'localhost',
      LOG_LEVEL: 'loud',
    });
    expect(faults).toHaveLength(8);
    expect(faults).toContain('PORT=70000: expected a whole number from 0 to 65535');
    expect(faults).toContain('LOG_LEVEL=loud: expected one of fatal, error, warn, info, debug, trace, silent');
  });

  it('never repeats a secret value and shortens a long value', () => {
    const faults = faultsOf({
      BOOTSTRAP_ADMIN_KEY: 'hunter2',
      DATABASE_URL: 'x://u:hunter2@h',
      PORT: 'x'.repeat(10_000),
    });
    expect(faults.join()).not.toContain('hunter2');
    expect(faults.join().length).toBeLessThan(800);
  });

  it('refuses unknown names in the settings file', () => {
    expect(faultsOf({}, ['PORT', 'SAMPLE_SPED'])).toEqual(['SAMPLE_SPED: no such setting (in .env)']);
  });

  it('builds the Redis URL from its parts, and prefers `REDIS_URL`', () => {
    const parts = { REDIS_HOST: 'cache', REDIS_PORT: '7000', REDIS_PASSWORD: 'p@ss', REDIS_DB: '2' };
    expect(parseSettings(parts).redisUrl).toBe('redis://:p%40ss@cache:7000/2');
    expect(parseSettings({ ...parts, REDIS_URL: 'redis://other' }).redisUrl).toBe('redis://other');
    expect(parseSettings({ REDIS_HOST: 'cache' }).redisUrl).toBe('redis://cache:6379/0');
  });

  it('refuses a role that needs Redis without `REDIS_URL`, and half a TLS pair', () => {
    expect(faultsOf({ ROLE: 'gateway' })[0]).toMatch(/^ROLE=gateway: .*REDIS_URL/);
    expect(faultsOf({ ROLE: 'gateway', REDIS_URL: 'redis://cache' })).toEqual([]);
    expect(faultsOf({ TLS_CERT: import.meta.filename })[0]).toMatch(/^TLS_CERT and TLS_KEY/);
  });

  it('reads a secret from a file if `NAME_FILE` is set, without the trailing newline', () => {
    const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
    const file = join(folder, 'secret');
    const secret = 'a secret of more than 32 characters ';
    writeFileSync(file, `${secret}\n`);
    expect(parseSettings({ JWT_SECRET_FILE: file }, ['JWT_SECRET_FILE']).jwtSecret).toBe(secret);
    expect(faultsOf({ JWT_SECRET_FILE: file, JWT_SECRET: secret })).toEqual([
      'JWT_SECRET_FILE: JWT_SECRET is set too; unset one of them',
    ]);
    writeFileSync(file, 'hunter2');
    expect(faultsOf({ JWT_SECRET_FILE: file })).toEqual(['JWT_SECRET=(hidden): expected at least 32 characters']);
    rmSync(folder, { recursive: true });
    expect(faultsOf({ JWT_SECRET_FILE: file })[0]).toMatch(/^JWT_SECRET_FILE=.*cannot be read \(ENOENT\)$/);
    // Only secret settings can be read from a file that a `_FILE` variable names.
    expect(faultsOf({ PORT_FILE: file }, ['PORT_FILE'])).toEqual(['PORT_FILE: no such setting (in .env)']);
    const secrets = Object.entries<Setting<unknown>>(SETTINGS).filter(([, { secret: isSecret }]) => isSecret);
    for (const [name] of secrets) expect(faultsOf({ [`${name}_FILE`]: file }).join()).toContain(`${name}_FILE=`);
  });

  it('accepts `JWKS_URL` only together with `JWT_ISSUER` and `JWT_AUDIENCE`', () => {
    const jwks = { JWKS_URL: 'https://login.example/jwks.json' };
    expect(faultsOf(jwks)[0]).toMatch(/^JWKS_URL: JWT_ISSUER and JWT_AUDIENCE must be set/);
    expect(faultsOf({ ...jwks, JWT_ISSUER: 'https://login.example' })).toHaveLength(1);
    expect(faultsOf({ ...jwks, JWT_ISSUER: 'https://login.example', JWT_AUDIENCE: 'rta' })).toEqual([]);
    expect(faultsOf({ JWT_SECRET: 'a' })).toEqual(['JWT_SECRET=(hidden): expected at least 32 characters']);
    const none = /^JWT_ISSUER, JWT_AUDIENCE and JWT_CLAIMS: JWT_SECRET or JWKS_URL must be set too/;
    for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_CLAIMS'])
      expect(faultsOf({ [name]: 'a,b,c' })).toEqual([expect.stringMatching(none)]);
    const JWT_SECRET = 'a secret of more than 32 characters';
    const claims = { JWT_SECRET, JWT_CLAIMS: 'sub, https://x.example/tier, https://x.example/role' };
    expect(parseSettings(claims).jwtClaims).toEqual({
      userId: 'sub',
      tier: 'https://x.example/tier',
      role: 'https://x.example/role',
    });
    for (const wrong of ['userId', 'a,b', 'a,b,c,d', 'a,,c', 'a,a,b'])
      expect(faultsOf({ JWT_SECRET, JWT_CLAIMS: wrong })).toHaveLength(1);
  });

  it('changes only the tiers named in a limit', () => {
    expect(parseSettings({ LIMIT_MESSAGES: 'free=0, enterprise=7' }).limitMessages).toEqual({
      none: 20,
      free: 0,
      pro: 1000,
      enterprise: 7,
    });
    expect(parseSettings({ LIMIT_API_REQUESTS: 'none=300,free=5' }).limitApiRequests.none).toBe(300);
    expect(faultsOf({ LIMIT_ALERT_RULES: 'none=1,free=2' })).toEqual([]);
    expect(faultsOf({ LIMIT_MESSAGES: 'gold=1' })).toHaveLength(1);
  });

  it.each([
    [
      'CORS_ORIGINS',
      ['foo', 'https://a.example/', 'https://A.example', 'https://a.example:443', 'https://*.example'],
      'origins such as',
    ],
    ['CORS_ORIGINS', ['https://a.example,b.example', 'https://u@a.example', 'https://a.example?x'], 'origins such as'],
    ['LIMIT_CONNECTIONS', ['free=1,free=2', 'free=1, free=1'], 'expected each tier once'],
    [
      'SECRETS_KEY',
      ['short', 'a key that is long enough,short', 'a key that is long enough,'],
      'at least 16 characters',
    ],
    ['TLS_CERT', ['/nowhere/tls.crt', '/'], 'a file that can be read'],
    ['HOST', ['http://localhost', 'two words', 'localhost:8080', '-x'], 'expected a host name'],
    ['REDIS_HOST', ['redis://cache', 'cache:6379', 'a/b'], 'expected a host name'],
    [
      'PUBLIC_URL',
      ['https://a.example?x=1', 'https://a.example/#x', 'https://u:p@a.example'],
      'https://rta.example.com',
    ],
    ['BOOTSTRAP_ADMIN_KEY', [`rta_${'a'.repeat(65)}_b`, `rta_a_${'b'.repeat(129)}`], 'up to 64'],
  ])('refuses invalid values of %s and shows the expected form', (name, values, form) => {
    for (const value of values) {
      const faults = faultsOf({ [name]: value, PORT: 'x' });
      expect(faults).toContain('PORT=x: expected a whole number from 0 to 65535');
      const shown = faults.filter((fault) => fault.startsWith(`${name}=`));
      expect(shown).toEqual([expect.stringContaining(form)]);
    }
  });

  it('accepts valid values of `CORS_ORIGINS`, `HOST`, `PUBLIC_URL` and `REDIS_HOST`', () => {
    const origins = '*, null, https://app.example:8443, http://localhost:3000, http://[::1], capacitor://localhost';
    expect(faultsOf({ CORS_ORIGINS: origins })).toEqual([]);
    for (const HOST of ['0.0.0.0', '::', '::1', 'localhost', 'db-1.internal', 'a'])
      expect(faultsOf({ HOST })).toEqual([]);
    expect(faultsOf({ PUBLIC_URL: 'https://a.example/rta/' })).toEqual([]);
    expect(parseSettings({ REDIS_HOST: '::1' }).redisUrl).toBe('redis://[::1]:6379/0');
    expect(faultsOf({ REDIS_PORT: '6379' })).toEqual([
      'REDIS_PORT, REDIS_PASSWORD and REDIS_DB: REDIS_HOST must be set too, else there is no Redis',
    ]);
  });

  it('reports any invalid text as a fault and throws no other error', () => {
    const environment = fc.dictionary(fc.constantFrom(...Object.keys(SETTINGS)), fc.string());
    fc.assert(
      fc.property(environment, (env) => {
        expect(faultsOf(env)).not.toContain('');
      }),
    );
  });
});

describe('checks of settings by other modules', () => {
  it('add their faults to the faults of the settings table', () => {
    const check: SettingsCheck = ({ region }) => [`REGION=${region}: no such region`];
    const env = { REGION: 'moon', PORT: 'x' };
    expect(() => parseSettings(env, [], [check])).toThrow(/\n  PORT=x: .*\n  REGION=moon: no such region$/);
    expect(parseSettings({ REGION: 'moon' }, [], [() => []]).region).toBe('moon');
  });
});

describe('the settings table', () => {
  const SOURCE_TREE = join(import.meta.dirname, '../..');
  /** Settings that other settings are derived from; only src/platform/settings reads them. */
  const PARTS = ['migrateOnStart', 'redisHost', 'redisPort', 'redisPassword', 'redisDb'];

  /**
   * Returns the names of settings that a source text reads: as a member, by destructuring, or in a type `Pick<Settings, …>`.
   */
  function namesRead(text: string): string[] {
    const members = [...text.matchAll(/\bsettings\??\.(\w+)/gi)].map(([, name = '']) => name);
    const taken = /\{([^{}]*)\}(?: = (?:this\.)?(?:settings\b|loadSettings\()|: (?:Settings\b|Pick<Settings,))/g;
    const lists = [...text.matchAll(taken), ...text.matchAll(/Pick<\s*Settings,([^>]*)>/g)];
    return [...members, ...lists.flatMap(([, names = '']) => names.match(/\w+/g) ?? [])];
  }

  it('contains only settings that the code reads', () => {
    const files = readdirSync(SOURCE_TREE, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.spec.ts') && !name.includes('platform/settings/'),
    );
    const read = new Set([
      ...PARTS,
      ...files.flatMap((name) => namesRead(readFileSync(join(SOURCE_TREE, name), 'utf8'))),
    ]);
    expect(Object.keys(parseSettings({})).filter((name) => !read.has(name))).toEqual([]);
  });
});

describe('`loadSettings`', () => {
  const directory = mkdtempSync(join(tmpdir(), 'settings-'));
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
    delete process.env['REGION'];
  });

  it('adds settings from the `.env` file, and refuses unknown names in the file', () => {
    const file = join(directory, '.env');
    writeFileSync(file, 'REGION=eu-1\n');
    expect(loadSettings(file).region).toBe('eu-1');
    writeFileSync(file, 'REGIN=eu-1\n');
    expect(() => loadSettings(file)).toThrow('REGIN: no such setting');
  });

  it('accepts a missing file', () => {
    expect(loadSettings(join(directory, 'absent')).port).toBe(8080);
  });
});

describe('`.env.example`', () => {
  const lines = readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8').split('\n');

  it.each(['10.0.0.0/33', '::1/129', '10.0.0.0.1', '10.0.0.0/8/8', '10.0.0.0/', '::g/8', '1.2.3.4/-1'])(
    'the invalid address block %s in `EGRESS_ALLOW` is refused at the start',
    (block) => {
      expect(() => parseSettings({ EGRESS_ALLOW: `192.168.0.0/16,${block}` })).toThrow(SettingsError);
    },
  );

  it('`EGRESS_ALLOW` accepts IPv4 and IPv6 blocks and single addresses', () => {
    const blocks = ['10.0.0.0/8', '127.0.0.1', 'fd00::/8', '::1', '0.0.0.0/0'];
    expect(parseSettings({ EGRESS_ALLOW: blocks.join(',') }).egressAllow).toEqual(blocks);
  });

  it.each(Object.entries<Setting<unknown>>(SETTINGS).map(([name, setting]) => ({ name, setting })))(
    'explains $name with its unit and default',
    ({ name, setting }: { name: string; setting: Setting<unknown> }) => {
      const at = lines.findIndex((line) => line.replace(/^# /, '').startsWith(`${name}=`));
      const shown = setting.shown ?? String(setting.fallback);
      expect(lines.slice(at - 2, at)).toEqual([`# ${setting.doc}`, `# Unit: ${setting.unit}. Default: ${shown}.`]);
    },
  );

  it('contains only known settings, with their default values', () => {
    const given = parseEnv(lines.join('\n'));
    expect(faultsOf(given as Record<string, string>, Object.keys(given))).toEqual([]);
    expect(parseSettings(given)).toEqual(parseSettings({}));
  });
});
