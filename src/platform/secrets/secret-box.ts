import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  type CipherGCMTypes,
} from 'node:crypto';
import { DomainError } from '../errors/domain-error.js';

const ALGORITHM: CipherGCMTypes = 'aes-256-gcm';
const KEY_BYTES = 32;
/** Nonce size of GCM. Random nonces are safe for 2^32 secrets per key (NIST SP 800-38D, 8.3). */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PURPOSE = 'defi-realtime stored secrets';
const VERSION = 'v1';

interface SealingKey {
  /** Id of the key, stored with each secret that the key encrypted; reveals nothing about the key. */
  readonly id: string;
  readonly bytes: Buffer;
}

/**
 * Encrypts secrets that are stored in the database: AES-256-GCM with keys derived from SECRETS_KEY. An encrypted text can be
 * decrypted only with the context given at its encryption (such as `webhook:<id>`), so that it cannot be copied to another
 * row.
 */
export class SecretBox {
  private readonly keys: readonly [SealingKey, ...SealingKey[]];

  /** Creates the box. The first key encrypts; every key decrypts. */
  constructor(keyTexts: readonly [string, ...string[]]) {
    const [first, ...others] = keyTexts;
    this.keys = [deriveKey(first), ...others.map(deriveKey)];
  }

  /**
   * Encrypts to `v1.<key id>.<base64url of nonce, ciphertext and tag>`. Encrypting the same text twice gives two different
   * results.
   */
  seal(plain: string, context: string): string {
    return this.sealWith(randomBytes(NONCE_BYTES), plain, context);
  }

  /**
   * Encrypts deterministically, for values that are returned to clients: the same input gives the same result, because the
   * nonce is a keyed hash of the input.
   */
  sealAlike(plain: string, context: string): string {
    const [key] = this.keys;
    const hash = createHmac('sha256', key.bytes)
      .update(JSON.stringify(['nonce', context, plain]))
      .digest();
    return this.sealWith(hash.subarray(0, NONCE_BYTES), plain, context);
  }

  private sealWith(nonce: Buffer, plain: string, context: string): string {
    const [key] = this.keys;
    const cipher = createCipheriv(ALGORITHM, key.bytes, nonce).setAAD(associated(key.id, context));
    const sealed = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${key.id}.${sealed.toString('base64url')}`;
  }

  /**
   * Decrypts a text. Throws if the text was altered, has another context, or was encrypted with a key that SECRETS_KEY no
   * longer contains.
   */
  open(sealed: string, context: string): string {
    const [version, id = '', content = ''] = sealed.split('.');
    const key = version === VERSION ? this.keys.find((each) => each.id === id) : undefined;
    if (!key) throw closed('SECRETS_KEY lacks the key with which it was encrypted');
    try {
      return decrypt(key, Buffer.from(content, 'base64url'), context);
    } catch (error) {
      throw closed('it was altered, or belongs to another row', error);
    }
  }

  /** Whether the text was encrypted with another key than the current first one, after a rotation of keys. */
  outdated(sealed: string): boolean {
    return sealed.split('.')[1] !== this.keys[0].id;
  }
}

function decrypt(key: SealingKey, content: Buffer, context: string): string {
  const tagAt = content.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key.bytes, content.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(associated(key.id, context))
    .setAuthTag(content.subarray(tagAt));
  const plain = Buffer.concat([decipher.update(content.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
  return plain.toString('utf8');
}

function deriveKey(text: string): SealingKey {
  const bytes = Buffer.from(hkdfSync('sha256', text, '', PURPOSE, KEY_BYTES));
  const id = createHash('sha256').update('key id').update(bytes).digest('base64url').slice(0, 8);
  return { id, bytes };
}

function associated(keyId: string, context: string): Buffer {
  return Buffer.from(`${VERSION}.${keyId}.${context}`);
}

function closed(reason: string, cause?: unknown): DomainError {
  return new DomainError('internal_error', `A stored secret cannot be decrypted: ${reason}.`, { cause });
}
