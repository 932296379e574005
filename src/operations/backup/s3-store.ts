import { S3mini } from 's3mini';
import { StoreUnavailable, type BackupStore, type StoredObject } from './backup-store.js';

/** Longest time of one request, ms: 16 MB at 2 Mbit/s. */
const REQUEST_TIMEOUT_MS = 70_000;
/** Objects of one page of a listing; the protocol allows no more. */
const PAGE = 1_000;
/** Answers that may be others a moment later: too slow, too many, unavailable. */
const PASSING = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

const REASONS: Readonly<Record<number, string>> = {
  301: 'the bucket is in another region (S3_REGION)',
  400: 'it understands the request otherwise (S3_ENDPOINT, S3_REGION)',
  401: 'it does not accept the credentials',
  403: 'it does not accept the credentials, or they do not allow this',
  404: 'there is no such bucket',
  507: 'no space is left',
};

/** Bucket of an S3-compatible service. */
export interface Bucket {
  /** Address of the service, without the bucket. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Beginning of all names: empty, or with a slash at its end. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Backups in a bucket. */
export class S3Store implements BackupStore {
  readonly description: string;
  private readonly client: S3mini;

  constructor(private readonly place: Bucket) {
    this.description = `s3://${place.bucket}/${place.prefix}`.replace(/\/$/, '');
    this.client = new S3mini({
      accessKeyId: place.accessKeyId,
      secretAccessKey: place.secretAccessKey,
      region: place.region,
      endpoint: `${place.endpoint.replace(/\/$/, '')}/${place.bucket}`,
      requestAbortTimeout: REQUEST_TIMEOUT_MS,
    });
  }

  async put(name: string, content: Buffer): Promise<void> {
    await this.ask(() => this.client.putObject(this.key(name), content));
  }

  async get(name: string): Promise<Buffer | undefined> {
    const content = await this.ask(() => this.client.getObjectArrayBuffer(this.key(name)));
    return content === null ? undefined : Buffer.from(content);
  }

  async list(prefix: string): Promise<StoredObject[]> {
    const found: StoredObject[] = [];
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page = await this.ask(() => this.client.listObjectsPaged('/', this.key(prefix), PAGE, token));
      if (!page) throw new Error(`${this.description} is refused: ${REASONS[404]}`);
      for (const { Key, Size, LastModified } of page.objects ?? []) {
        const name = Key.slice(this.place.prefix.length);
        found.push({ name, bytes: Size, modified: new Date(LastModified).getTime() });
      }
      token = page.nextContinuationToken || undefined;
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    await this.ask(() => this.client.deleteObject(this.key(name)));
  }

  private key(name: string): string {
    return `${this.place.prefix}${name}`;
  }

  /** Sends a request. Every failure without an answer may pass: the connection, the name service, the time. */
  private async ask<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (cause) {
      const status = cause instanceof Error && 'status' in cause ? Number(cause.status) : undefined;
      if (status === undefined || PASSING.has(status)) {
        const reason = status === undefined ? lastReason(cause) : `answers ${status}`;
        throw new StoreUnavailable(`${this.description} unavailable; ${reason}`, { cause });
      }
      throw new Error(`${this.description} is refused: ${REASONS[status] ?? `it answers ${status}`}`, { cause });
    }
  }
}

/** Returns the reason at the end of a chain of causes. */
function lastReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : lastReason(error.cause);
}
