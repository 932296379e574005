import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSettings } from '../settings/settings.js';
import { openSecretBox } from './secrets-key.js';

describe('the encryption key of stored secrets', () => {
  let home: string;
  const open = async (env: Record<string, string>) =>
    openSecretBox(parseSettings({ DATA_DIR: join(home, 'data'), ...env }));
  const file = (): string => join(home, 'data', 'secrets.key');

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'secrets-'));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  it('is created once beside the embedded database, readable by its owner only', async () => {
    const sealed = (await open({})).seal('secret', 'a');
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect((await open({})).open(sealed, 'a')).toBe('secret');
    const given = await open({ SECRETS_KEY: `another key of this test, ${readFileSync(file(), 'utf8').trim()}` });
    expect(given.open(sealed, 'a')).toBe('secret');
  });

  it('is not replaced if its file is damaged', async () => {
    await open({});
    writeFileSync(file(), '\n');
    await expect(open({})).rejects.toThrow(/secrets\.key is damaged: restore it/);
  });

  it('must be set for an external database and must have at least 16 characters', async () => {
    const DATABASE_URL = 'postgres://unused';
    await expect(open({ DATABASE_URL })).rejects.toThrow(/SECRETS_KEY must be set .*openssl rand -base64 32/);
    for (const SECRETS_KEY of ['short', 'a key that is long enough,', 'a key that is long enough,short']) {
      await expect(open({ DATABASE_URL, SECRETS_KEY })).rejects.toThrow('at least 16 characters');
    }
    await expect(open({ DATABASE_URL, SECRETS_KEY: 'a key that is long enough' })).resolves.toBeDefined();
  });
});
