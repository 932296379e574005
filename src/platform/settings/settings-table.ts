import { mailSender, mailServer, serviceAccountFile, vapidPrivateKey, vapidPublicKey } from './message-settings.js';
import {
  addressBlock,
  file,
  flag,
  host,
  integer,
  jwtClaims,
  list,
  number,
  oneOf,
  optional,
  origin,
  pattern,
  perTier,
  required,
  secretText,
  siteUrl,
  text,
  url,
} from './setting.js';

const API_KEY = /^rta_[A-Za-z0-9]{1,64}_[A-Za-z0-9_-]{1,128}$/;

/**
 * Settings of the product, by the name of their environment variable. A new one needs only a line here: the value appears in
 * `Settings` under the same name in camelCase and in `--help`, and a test requires it in `.env.example`.
 */
export const SETTINGS = {
  ROLE: required(oneOf('all', 'gateway', 'worker'), 'all', {
    unit: 'all | gateway | worker',
    doc: 'What this process does: client connections and REST (gateway), sequencer and jobs (worker), or both.',
  }),
  PORT: required(integer(0, 65_535), 8080, {
    unit: 'port',
    doc: 'HTTP, Socket.IO, plain WebSocket, SSE and console, all on one port. 0: any free port.',
  }),
  HOST: required(host, '0.0.0.0', { unit: 'address', doc: 'Address to listen on.' }),
  PUBLIC_URL: optional(siteUrl, {
    unit: 'URL',
    shown: 'http://localhost:PORT',
    doc: 'Address under which people reach the service; used in links.',
  }),
  TLS_CERT: optional(file, {
    unit: 'file',
    doc: 'Certificate chain in PEM form; with TLS_KEY the port speaks TLS 1.3. Reloaded when it changes.',
  }),
  TLS_KEY: optional(file, { unit: 'file', doc: 'Private key in PEM form that belongs to TLS_CERT.' }),
  TRUST_PROXY: required(integer(0, 32), 0, {
    unit: 'proxies',
    doc: 'Number of proxies in front whose X-Forwarded-For is trusted. 0: none.',
  }),
  CORS_ORIGINS: required(list(origin), ['*'], {
    unit: 'origins',
    shown: '*',
    doc: 'Origins, comma-separated, whose pages may call the service. *: any (keys are never cookies).',
  }),
  DATABASE_URL: optional(url('postgres', 'postgresql'), {
    unit: 'URL',
    secret: true,
    doc: 'PostgreSQL 15 or newer. Unset: an embedded PostgreSQL runs under DATA_DIR and ends with the process.',
  }),
  DATABASE_POOL: required(integer(2, 200), 10, {
    unit: 'connections',
    doc: 'Maximum pooled connections of one process to PostgreSQL; a few dedicated ones are additional.',
  }),
  QUERY_POOL: optional(integer(1, 200), {
    unit: 'connections',
    shown: 'the number of cores, at least 2',
    doc: 'Connections of one process for queries alone; as many queries run at once, the others wait.',
  }),
  MIGRATE_ON_START: optional(flag, {
    unit: 'true | false',
    shown: 'true if the database is embedded',
    doc: 'Bring the schema up to date before serving. false: `npm run migrate` does it.',
  }),
  DATA_DIR: required(text, '.data', {
    unit: 'directory',
    doc: 'Embedded database and generated secrets. Its file database.url holds the embedded connection string.',
  }),
  REDIS_URL: optional(url('redis', 'rediss'), {
    unit: 'URL',
    secret: true,
    doc: 'Shared broker, cache and queues of several processes. Unset: one process is the whole deployment.',
  }),
  REDIS_HOST: optional(host, {
    unit: 'host',
    doc: 'With REDIS_PORT, REDIS_PASSWORD and REDIS_DB another way to write REDIS_URL.',
  }),
  REDIS_PORT: optional(integer(1, 65_535), { unit: 'port', shown: '6379', doc: 'See REDIS_HOST.' }),
  REDIS_PASSWORD: optional(text, { unit: 'text', secret: true, doc: 'See REDIS_HOST.' }),
  REDIS_DB: optional(integer(0, 1_000_000), { unit: 'number', shown: '0', doc: 'See REDIS_HOST.' }),
  KEY_PREFIX: required(pattern(/^[\w:.-]{0,64}$/, 'letters, digits and _ : . -'), '', {
    unit: 'text',
    shown: 'unset',
    doc: 'Put before every Redis key and channel, so that deployments can share a server.',
  }),
  SOURCE: optional(list(text), {
    unit: 'sample | defillama | none',
    shown: 'sample if the database is embedded, else none',
    doc: 'Sources of data, comma-separated, beside the ingest API and SQL writers.',
  }),
  SAMPLE_SPEED: required(number(0.01, 100_000), 60, {
    unit: 'recorded seconds per second',
    doc: 'Speed at which the sample source replays its recordings.',
  }),
  EVENT_RETENTION_HOURS: required(number(1, 87_600), 72, {
    unit: 'hours',
    doc: 'Time for which events are kept, and a cursor can resume; EVENT_RETENTION_GB may end it earlier.',
  }),
  EVENT_RETENTION_GB: required(number(0.1, 100_000), 20, { unit: 'GB', doc: 'Maximum disk space of the event log.' }),
  HISTORY_RAW_DAYS: required(number(1, 3_650), 30, {
    unit: 'days',
    doc: 'Time for which every published value is kept; after that hourly and daily ones only.',
  }),
  STALE_AFTER_MINUTES: required(number(1, 10_080), 60, {
    unit: 'minutes',
    doc: 'An observation older than this when it arrives fires no alert.',
  }),
  FLUSH_MS: required(number(0, 1_000), 5, {
    unit: 'ms',
    doc: 'Interval between two writes to a client; events in between are sent in one. 0: every turn of the event loop.',
  }),
  DRAIN_SECONDS: required(number(0, 3_600), 20, { unit: 's', doc: 'Window of a graceful stop.' }),
  BOOTSTRAP_ADMIN_KEY: optional(
    pattern(API_KEY, 'a key of the form rta_<id>_<secret>, the id of up to 64 and the secret of up to 128 characters'),
    {
      unit: 'API key',
      secret: true,
      shown: 'generated under DATA_DIR if the database is embedded',
      doc: 'This key exists with role admin and tier enterprise.',
    },
  ),
  SECRETS_KEY: optional(list(secretText(16)), {
    unit: 'keys of at least 16 characters',
    secret: true,
    shown: 'generated under DATA_DIR if the database is embedded, else required',
    doc: 'Encrypts secrets stored in the database. Comma-separated keys: the first encrypts, every key decrypts; to rotate, prepend a new one.',
  }),
  JWT_SECRET: optional(secretText(32), {
    unit: 'at least 32 characters',
    secret: true,
    doc: 'Accept tokens signed with this secret (HS256) beside API keys.',
  }),
  JWKS_URL: optional(url('http', 'https'), {
    unit: 'URL',
    secret: true,
    doc: 'Accept tokens signed with a key of this set beside API keys; JWT_ISSUER and JWT_AUDIENCE must be set too.',
  }),
  JWT_ISSUER: optional(text, { unit: 'text', doc: 'The issuer (iss) that every token must name. Unset: any.' }),
  JWT_AUDIENCE: optional(text, {
    unit: 'text',
    doc: 'The audience (aud) that every token must be meant for. Unset: any.',
  }),
  JWT_CLAIMS: optional(jwtClaims, {
    unit: 'names of three claims',
    shown: 'userId,tier,role',
    doc: 'Claims of user, tier and role. Unset: tokens of JWKS_URL are readers of tier free, whatever they claim.',
  }),
  COMPAT_ANONYMOUS: required(flag, false, {
    unit: 'true | false',
    doc: 'Serve the DefiLlama-shaped routes without a key, in the limits of callers without a key.',
  }),
  LIMIT_CONNECTIONS: perTier(
    { none: 256, free: 5, pro: 50, enterprise: 1_000 },
    'Open connections of a key; none: of an address, before they show one. 0: no limit.',
  ),
  LIMIT_MESSAGES: perTier(
    { none: 20, free: 100, pro: 1_000, enterprise: 10_000 },
    'Client messages per minute; none: of an address, before a key. 0: no limit.',
  ),
  LIMIT_API_REQUESTS: perTier(
    { none: 60, free: 60, pro: 600, enterprise: 6_000 },
    'API requests per minute; none: of an address, without a key. 0: no limit.',
  ),
  LIMIT_ALERT_RULES: perTier({ free: 5, pro: 100, enterprise: 1_000 }, 'Alert rules of a user. 0: no limit.'),
  LIMIT_SUBSCRIPTION_CHANGES: perTier(
    { free: 10, pro: 60, enterprise: 600 },
    'Subscription changes per minute and connection. 0: no limit.',
  ),
  LIMIT_CONNECTS_PER_ADDRESS: perTier(
    { none: 300, free: 100, pro: 1_000, enterprise: 10_000 },
    'New connections per minute and address; none: those that never show a good key. 0: no limit.',
  ),
  SMTP_URL: optional(mailServer, {
    unit: 'URL',
    secret: true,
    doc: 'Mail server; smtps and port 465 speak TLS at once. Unset: mails are written as files under DATA_DIR/mail.',
  }),
  MAIL_FROM: optional(mailSender, {
    unit: 'address',
    doc: 'Sender of mails, with or without a name. Web Push needs it, or a PUBLIC_URL with https, as its contact.',
  }),
  VAPID_PUBLIC_KEY: optional(vapidPublicKey, {
    unit: 'text',
    shown: 'generated',
    doc: 'Web Push key pair, public half.',
  }),
  VAPID_PRIVATE_KEY: optional(vapidPrivateKey, {
    unit: 'text',
    secret: true,
    shown: 'generated',
    doc: 'Web Push key pair, private half.',
  }),
  FCM_SERVICE_ACCOUNT: optional(serviceAccountFile, {
    unit: 'file',
    doc: 'Service account for Firebase Cloud Messaging.',
  }),
  EGRESS_ALLOW: required(list(addressBlock), [], {
    unit: 'CIDRs',
    shown: 'unset',
    doc: 'Private address blocks, comma-separated, that webhooks may nevertheless reach.',
  }),
  VERIFY_TARGETS: required(flag, true, {
    unit: 'true | false',
    doc: 'Webhook and mail targets must prove themselves before they are used.',
  }),
  WEBHOOK_RATE: required(integer(0, 1_000_000), 60, {
    unit: 'messages per minute',
    doc: 'Maximum messages to one webhook endpoint or device; others wait for their turn. 0: no limit.',
  }),
  HOST_RATE: required(integer(0, 1_000_000), 300, {
    unit: 'messages per minute',
    doc: 'Maximum webhooks and pushes of one user to one host; others wait for their turn. 0: no limit.',
  }),
  USER_RATE: required(integer(0, 1_000_000), 600, {
    unit: 'messages per minute',
    doc: 'Maximum messages of one user over all channels; others wait for their turn. 0: no limit.',
  }),
  MAIL_DAILY: required(integer(0, 1_000_000), 100, {
    unit: 'mails per day',
    doc: 'Maximum single mails to one address; others are sent together, in one mail an hour. 0: no limit.',
  }),
  USER_STORAGE_MB: required(integer(0, 1_000_000), 100, {
    unit: 'MB',
    doc: 'Maximum stored data of one user: messages, their attempts and alerts. Old ones are deleted early, then none is sent. 0: no limit.',
  }),
  DELIVERY_RETENTION_DAYS: required(number(1, 3_650), 30, {
    unit: 'days',
    doc: 'Time for which finished deliveries and their attempts are kept.',
  }),
  ALERT_HISTORY_DAYS: required(number(1, 3_650), 365, {
    unit: 'days',
    doc: 'Time for which alerts are kept in the history of their users, and versions of deleted rules.',
  }),
  AUDIT_DAYS: required(number(30, 3_650), 365, {
    unit: 'days',
    doc: 'Time for which lines of the audit trail, and ended keys, are kept.',
  }),
  LOG_LEVEL: required(oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), 'info', {
    unit: 'fatal | error | warn | info | debug | trace | silent',
    doc: 'Lowest level of log lines that are written.',
  }),
  POD_ID: optional(pattern(/^[A-Za-z0-9_-]{1,32}$/, 'up to 32 letters, digits, _ and -'), {
    unit: 'name',
    shown: 'random',
    doc: 'Prefix of the Socket.IO session ids of this process, by which a balancer routes a session to it.',
  }),
  REGION: optional(text, { unit: 'text', doc: 'Shown with each connection, to distinguish deployments.' }),
};
