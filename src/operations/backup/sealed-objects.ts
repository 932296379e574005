import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress, constants } from 'node:zlib';

/** First bytes of every object, and the version of its form. */
const MAGIC = Buffer.from('RTABACK1', 'latin1');
const KEY_ID_BYTES = 8;
const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = MAGIC.length + KEY_ID_BYTES + SALT_BYTES + NONCE_BYTES;
/** Level of the compression: 3 packs as fast as a disk reads, and higher ones save little on pages of tables. */
const LEVEL = 3;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Fault of a stored object, in words for operators. */
export class DamagedObject extends Error {
  override readonly name = 'DamagedObject';
}

interface Key {
  readonly id: Buffer;
  readonly secret: Buffer;
}

/**
 * Form in which everything is stored: compressed (zstd), then encrypted with AES-256-GCM under a key of its own, which is
 * derived from BACKUP_KEY and a random salt. The name of the object is authenticated, so an object that was exchanged for
 * another one is noticed, as is every changed, missing or added byte. Objects have at most some MB, so that they are
 * checked as a whole before anything of them is used.
 */
export class SealedObjects {
  private readonly keys: readonly Key[];

  /** @param secrets the first one encrypts, every one decrypts */
  constructor(secrets: readonly string[]) {
    this.keys = secrets.map((text) => {
      const secret = createHash('sha256').update(`defi-realtime backup ${text}`).digest();
      return { secret, id: derived(secret, Buffer.alloc(0), 'key id', KEY_ID_BYTES) };
    });
  }

  async seal(name: string, content: Uint8Array): Promise<Buffer> {
    const [key] = this.keys;
    if (key === undefined) throw new Error('BACKUP_KEY must be set');
    const packed = await compress(content, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
    const salt = randomBytes(SALT_BYTES);
    const nonce = randomBytes(NONCE_BYTES);
    const header = Buffer.concat([MAGIC, key.id, salt, nonce]);
    const cipher = createCipheriv('aes-256-gcm', derived(key.secret, salt, 'object', 32), nonce);
    cipher.setAAD(authenticated(header, name));
    return Buffer.concat([header, cipher.update(packed), cipher.final(), cipher.getAuthTag()]);
  }

  /** Throws DamagedObject if the object is not exactly what was sealed under that name. */
  async open(name: string, stored: Buffer): Promise<Buffer> {
    const isForm = stored.length >= HEADER_BYTES + TAG_BYTES && stored.subarray(0, MAGIC.length).equals(MAGIC);
    if (!isForm) throw new DamagedObject(`${name} is damaged: it is cut off or was not written by this program`);
    const header = stored.subarray(0, HEADER_BYTES);
    const id = header.subarray(MAGIC.length, MAGIC.length + KEY_ID_BYTES);
    const key = this.keys.find((candidate) => candidate.id.equals(id));
    if (key === undefined) throw new DamagedObject(`${name} was encrypted with another BACKUP_KEY`);
    const salt = header.subarray(MAGIC.length + KEY_ID_BYTES, HEADER_BYTES - NONCE_BYTES);
    const nonce = header.subarray(HEADER_BYTES - NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', derived(key.secret, salt, 'object', 32), nonce);
    decipher.setAAD(authenticated(header, name)).setAuthTag(stored.subarray(-TAG_BYTES));
    try {
      const packed = Buffer.concat([decipher.update(stored.subarray(HEADER_BYTES, -TAG_BYTES)), decipher.final()]);
      return await decompress(packed);
    } catch (cause) {
      throw new DamagedObject(`${name} is damaged: its content is not what was written`, { cause });
    }
  }
}

function authenticated(header: Buffer, name: string): Buffer {
  return Buffer.concat([header, Buffer.from(name, 'utf8')]);
}

function derived(secret: Buffer, salt: Buffer, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, `defi-realtime backup: ${purpose}`, bytes));
}
