import { randomBytes, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { selfSignedCertificate } from './self-signed-certificate.js';

const DAY_MS = 86_400_000;
/** Validity of the certificate, days: the most that browsers accept. */
const VALID_DAYS = 825;
/** Time before its end at which the certificate is replaced, days. */
const RENEW_DAYS = 30;

const HOSTS = ['localhost', '127.0.0.1'] as const;
const CERTIFICATE = 'tls.crt';
const KEY = 'tls.key';

/** Readable by every user of the containers that mount the folder, because each has its own. */
const SHARED = 0o444;
/** Readable by the owner only: nginx reads its key as root. */
const PRIVATE = 0o400;

const random = (): string => randomBytes(32).toString('base64url');

/**
 * Secrets of the services of compose.yaml by file name: each makes its text, from secrets before it where it contains them.
 * The names of hosts, user and database are those of compose.yaml.
 */
const SECRETS: Readonly<Record<string, (secret: (name: string) => string) => string>> = {
  secrets_key: random,
  database_password: random,
  redis_password: random,
  grafana_password: random,
  admin_key: () => `rta_admin_${random()}`,
  database_url: (secret) => `postgres://defi:${secret('database_password')}@database:5432/defi`,
  redis_url: (secret) => `redis://:${secret('redis_password')}@redis:6379`,
  'redis.conf': (secret) => `requirepass ${secret('redis_password')}\n`,
};

/**
 * Writes the secrets that `folder` lacks, and a self-signed certificate if there is none; one that ends soon and was signed by
 * itself is replaced. Existing files stay as they are. Returns the names of the files written.
 */
export function writeMissingSecrets(folder: string, now: Date): string[] {
  mkdirSync(folder, { recursive: true });
  const written: string[] = [];
  const secret = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
  const write = (name: string, text: string, mode: number): void => {
    // Complete or not there: a start that is cut off must not leave half a secret.
    const draft = join(folder, `.${name}.new`);
    writeFileSync(draft, text, { mode: 0o600 });
    chmodSync(draft, mode);
    renameSync(draft, join(folder, name));
    written.push(name);
  };
  for (const [name, make] of Object.entries(SECRETS)) {
    if (!existsSync(join(folder, name))) write(name, make(secret), SHARED);
  }
  if (needsCertificate(folder, now)) {
    const { certificate, key } = selfSignedCertificate(HOSTS, now, new Date(now.getTime() + VALID_DAYS * DAY_MS));
    write(KEY, key, PRIVATE);
    write(CERTIFICATE, certificate, SHARED);
  }
  return written;
}

function needsCertificate(folder: string, now: Date): boolean {
  const [certificate, key] = [join(folder, CERTIFICATE), join(folder, KEY)];
  if (!existsSync(certificate) || !existsSync(key)) return true;
  const { subject, issuer, validToDate } = new X509Certificate(readFileSync(certificate));
  return subject === issuer && validToDate.getTime() - now.getTime() < RENEW_DAYS * DAY_MS;
}
