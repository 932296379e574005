import { resolve } from 'node:path';
import type { Settings } from '../../platform/settings/settings.js';
import type { BackupStore } from './backup-store.js';
import { DirectoryStore } from './directory-store.js';
import { S3Store } from './s3-store.js';

const BUCKET = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w./-]*))?$/;

/** Opens the store that a text names: a directory, or `s3://bucket/prefix`. Throws an error for the operator. */
export function openStore(place: string, settings: Settings): BackupStore {
  if (!place.startsWith('s3:')) return new DirectoryStore(resolve(place));
  const [, bucket, path = ''] = BUCKET.exec(place) ?? [];
  if (bucket === undefined) throw new Error(`${place}: must be s3://bucket or s3://bucket/prefix`);
  const { s3AccessKeyId, s3SecretAccessKey, s3Region, s3Endpoint } = settings;
  if (s3AccessKeyId === undefined || s3SecretAccessKey === undefined)
    throw new Error('S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set for backups to s3://');
  const prefix = path.split('/').filter(Boolean).join('/');
  return new S3Store({
    endpoint: s3Endpoint ?? `https://s3.${s3Region}.amazonaws.com`,
    region: s3Region,
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    accessKeyId: s3AccessKeyId,
    secretAccessKey: s3SecretAccessKey,
  });
}
