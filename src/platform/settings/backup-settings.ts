import { integer, list, optional, pattern, required, secretText, text, url } from './setting.js';

/** Settings of `defi-realtime backup`. */
export const BACKUP_SETTINGS = {
  BACKUP_TO: optional(text, {
    unit: 'directory or s3://bucket/prefix',
    doc: 'Place of the backups that `defi-realtime backup` writes and reads; --to has precedence.',
  }),
  BACKUP_KEY: optional(list(secretText(32)), {
    unit: 'keys of at least 32 characters',
    secret: true,
    doc: 'Keys, comma-separated, of the backups: the first key encrypts, every key decrypts. Without it no backup is made, and without its key none can be read.',
  }),
  BACKUP_KEEP_DAYS: optional(integer(1, 3_650), {
    unit: 'days',
    doc: 'Time back to which every moment can be restored; older backups are removed after each new one. Unset: all are kept.',
  }),
  S3_ENDPOINT: optional(url('http', 'https'), {
    unit: 'URL',
    shown: 'https://s3.S3_REGION.amazonaws.com',
    doc: 'Address of the S3-compatible service for backups, without the bucket.',
  }),
  S3_REGION: required(pattern(/^[a-z0-9-]{1,64}$/, 'lower-case letters, digits and -'), 'us-east-1', {
    unit: 'name',
    doc: 'Region of the bucket for backups.',
  }),
  S3_ACCESS_KEY_ID: optional(text, { unit: 'text', secret: true, doc: 'Access key of the bucket for backups.' }),
  S3_SECRET_ACCESS_KEY: optional(text, { unit: 'text', secret: true, doc: 'See S3_ACCESS_KEY_ID.' }),
};
