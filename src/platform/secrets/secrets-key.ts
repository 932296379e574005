import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../errors/error-code.js';
import { dataDirectory } from '../settings/data-directory.js';
import type { Settings } from '../settings/settings.js';
import { SecretBox } from './secret-box.js';

const FILE = 'secrets.key';
const MIN_KEY_LENGTH = 16;

/**
 * Creates the SecretBox for SECRETS_KEY. If the database is embedded and no key is set, a key is generated once and kept in
 * DATA_DIR/secrets.key, readable by its owner only.
 */
export async function openSecretBox(settings: Settings): Promise<SecretBox> {
  const [first, ...others] = settings.secretsKey ?? [];
  if (first !== undefined) return new SecretBox([first, ...others]);
  requireSecretsKey(settings);
  return new SecretBox([await keptKey(join(dataDirectory(settings.dataDir), FILE))]);
}

/** Throws if the database is external and SECRETS_KEY is not set. Called before the process waits for the database. */
export function requireSecretsKey({ secretsKey, embedded }: Settings): void {
  if (secretsKey !== undefined || embedded) return;
  throw new Error(
    `SECRETS_KEY must be set together with DATABASE_URL: it encrypts the secrets stored there; \`openssl rand -base64 32\` generates a key.`,
  );
}

async function keptKey(file: string): Promise<string> {
  const made = randomBytes(32).toString('base64');
  try {
    await writeFile(file, `${made}\n`, { mode: 0o600, flag: 'wx' });
    return made;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  await chmod(file, 0o600);
  const kept = (await readFile(file, 'utf8')).trim();
  // A new key would make all secrets encrypted with the old key unreadable.
  if (kept.length < MIN_KEY_LENGTH)
    throw new Error(`${file} is damaged: restore it, or delete it and lose the secrets encrypted with it.`);
  return kept;
}
