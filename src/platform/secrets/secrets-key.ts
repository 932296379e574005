import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dataDirectory } from '../settings/data-directory.js';
import type { Settings } from '../settings/settings.js';
import { SecretBox } from './secret-box.js';

const FILE = 'secrets.key';
const MIN_KEY_LENGTH = 16;

/**
 * Opens the box of SECRETS_KEY. With an embedded database and no key given, of a key that is made once and kept in
 * DATA_DIR/secrets.key, readable by its owner only.
 */
export async function openSecretBox(settings: Settings): Promise<SecretBox> {
  const [first, ...others] = settings.secretsKey ?? [];
  if (first !== undefined) return new SecretBox([first, ...others]);
  requireSecretsKey(settings);
  return new SecretBox([await keptKey(join(dataDirectory(settings.dataDir), FILE))]);
}

/** Refuses settings without the key that an external database needs, before the wait for that database. */
export function requireSecretsKey({ secretsKey, embedded }: Settings): void {
  if (secretsKey !== undefined || embedded) return;
  throw new Error(
    `SECRETS_KEY must be set together with DATABASE_URL: it encrypts the secrets stored there; \`openssl rand -base64 32\` makes one.`,
  );
}

async function keptKey(file: string): Promise<string> {
  const made = randomBytes(32).toString('base64');
  try {
    await writeFile(file, `${made}\n`, { mode: 0o600, flag: 'wx' });
    return made;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  await chmod(file, 0o600);
  const kept = (await readFile(file, 'utf8')).trim();
  // Replacing it silently would make the secrets sealed with the old key unreadable.
  if (kept.length < MIN_KEY_LENGTH)
    throw new Error(`${file} is damaged: restore it, or delete it with the secrets in it.`);
  return kept;
}
