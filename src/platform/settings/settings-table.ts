import { BACKUP_SETTINGS } from './backup-settings.js';
import {
  mailSender,
  operatorTarget,
  mailServer,
  serviceAccountFile,
  vapidPrivateKey,
  vapidPublicKey,
} from './message-settings.js';
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
 * Settings by the name of their environment variable. A new setting needs only an entry here: its value appears in
 * `Settings` under the same name in camelCase and in `--help`. A test requires that `.env.example` describes it.
 */
export const SETTINGS = {
  ROLE: required(oneOf('all', 'gateway', 'worker'), 'all', {
    unit: 'all | gateway | worker',
    doc: 'Work of this process: client connections and REST (gateway), sequencer and jobs (worker), or both (all).',
  }),
  PORT: required(integer(0, 65_535), 8080, {
    unit: 'port',
    doc: 'HTTP, Socket.IO, plain WebSocket, SSE and console, all on one port. 0: any free port.',
  }),
  HOST: required(host, '0.0.0.0', { unit: 'address', doc: 'Address to listen on.' }),
  PUBLIC_URL: optional(siteUrl, {
    unit: 'URL',
    shown: 'http://localhost:PORT',
    doc: 'URL under which people reach the service; used in links.',
  }),
  TLS_CERT: optional(file, {
    unit: 'file',
    doc: 'Certificate chain in PEM form; with TLS_KEY the port serves TLS 1.3. Reloaded when it changes.',
  }),
  TLS_KEY: optional(file, { unit: 'file', doc: 'Private key in PEM form that belongs to TLS_CERT.' }),
  TRUST_PROXY: required(integer(0, 32), 0, {
    unit: 'proxies',
    doc: 'Number of proxies in front of the service, whose X-Forwarded-For is trusted. 0: no proxy.',
  }),
  CORS_ORIGINS: required(list(origin), ['*'], {
    unit: 'origins',
    shown: '*',
    doc: 'Web origins, comma-separated, whose pages may call the service. *: any origin (keys are never sent as cookies).',
  }),
  DATABASE_URL: optional(url('postgres', 'postgresql'), {
    unit: 'URL',
    secret: true,
    doc: 'PostgreSQL 15 or newer. Unset: an embedded PostgreSQL runs under DATA_DIR and ends with the process.',
  }),
  DATABASE_POOL: required(integer(2, 200), 10, {
    unit: 'connections',
    doc: 'Maximum pooled connections of one process to PostgreSQL. A few further connections are outside the pool.',
  }),
  QUERY_POOL: optional(integer(1, 200), {
    unit: 'connections',
    shown: 'the number of cores, at least 2',
    doc: 'Connections of one process for advanced queries, and so the number of them that run at once; the others wait.',
  }),
  MIGRATE_ON_START: optional(flag, {
    unit: 'true | false',
    shown: 'true if the database is embedded',
    doc: 'Run pending database migrations at the start. false: run them with `defi-realtime migrate`.',
  }),
  DATA_DIR: required(text, '.data', {
    unit: 'directory',
    doc: 'Directory of the embedded database and of generated secrets. Its file database.url contains the database address.',
  }),
  REDIS_URL: optional(url('redis', 'rediss'), {
    unit: 'URL',
    secret: true,
    doc: 'Redis for the broker, cache and queues that several processes share. Unset: the deployment is one process.',
  }),
  REDIS_HOST: optional(host, {
    unit: 'host',
    doc: 'Alternative to REDIS_URL, together with REDIS_PORT, REDIS_PASSWORD and REDIS_DB.',
  }),
  REDIS_PORT: optional(integer(1, 65_535), { unit: 'port', shown: '6379', doc: 'See REDIS_HOST.' }),
  REDIS_PASSWORD: optional(text, { unit: 'text', secret: true, doc: 'See REDIS_HOST.' }),
  REDIS_DB: optional(integer(0, 1_000_000), { unit: 'number', shown: '0', doc: 'See REDIS_HOST.' }),
  KEY_PREFIX: required(pattern(/^[\w:.-]{0,64}$/, 'letters, digits and _ : . -'), '', {
    unit: 'text',
    shown: 'unset',
    doc: 'Prefix of every Redis key and channel, so that several deployments can share a server.',
  }),
  SOURCE: optional(list(text), {
    unit: 'sample | defillama | none',
    shown: 'sample if the database is embedded, else none',
    doc: 'Data sources, comma-separated, in addition to the ingest API and SQL writers.',
  }),
  SAMPLE_SPEED: required(number(0.01, 100_000), 60, {
    unit: 'recorded seconds per second',
    doc: 'Speed at which the source `sample` replays its recordings.',
  }),
  EVENT_RETENTION_HOURS: required(number(1, 87_600), 72, {
    unit: 'hours',
    doc: 'Time for which events are kept and a cursor can resume; shorter if EVENT_RETENTION_GB is reached first.',
  }),
  EVENT_RETENTION_GB: required(number(0.1, 100_000), 20, { unit: 'GB', doc: 'Maximum disk space of the event log.' }),
  HISTORY_RAW_DAYS: required(number(1, 3_650), 30, {
    unit: 'days',
    doc: 'Time for which every published value is kept; older history has hourly and daily values only.',
  }),
  STALE_AFTER_MINUTES: required(number(1, 10_080), 60, {
    unit: 'minutes',
    doc: 'Age above which an observation triggers no alert when it arrives.',
  }),
  FLUSH_MS: required(number(0, 1_000), 5, {
    unit: 'ms',
    doc: 'Interval between two writes to a client; each write sends all events since the previous write. 0: every turn of the event loop.',
  }),
  DRAIN_SECONDS: required(number(0, 3_600), 20, {
    unit: 's',
    doc: 'Time in which a graceful stop closes the client connections, one after the other.',
  }),
  BOOTSTRAP_ADMIN_KEY: optional(
    pattern(API_KEY, 'a key of the form rta_<id>_<secret>, the id of up to 64 and the secret of up to 128 characters'),
    {
      unit: 'API key',
      secret: true,
      shown: 'generated under DATA_DIR if the database is embedded',
      doc: 'API key that is created at the start, with role admin and tier enterprise.',
    },
  ),
  SECRETS_KEY: optional(list(secretText(16)), {
    unit: 'keys of at least 16 characters',
    secret: true,
    shown: 'generated under DATA_DIR if the database is embedded, else required',
    doc: 'Keys, comma-separated, for secrets stored in the database: the first key encrypts, every key decrypts. To rotate, prepend a new key.',
  }),
  JWT_SECRET: optional(secretText(32), {
    unit: 'at least 32 characters',
    secret: true,
    doc: 'Secret of signed tokens (HS256), which are then accepted in addition to API keys.',
  }),
  JWKS_URL: optional(url('http', 'https'), {
    unit: 'URL',
    secret: true,
    doc: 'Key set of signed tokens, which are then accepted in addition to API keys. JWT_ISSUER and JWT_AUDIENCE must be set, too.',
  }),
  JWT_ISSUER: optional(text, { unit: 'text', doc: 'Issuer (iss) that every token must name. Unset: any issuer.' }),
  JWT_AUDIENCE: optional(text, {
    unit: 'text',
    doc: 'Audience (aud) that every token must name. Unset: any audience.',
  }),
  JWT_CLAIMS: optional(jwtClaims, {
    unit: 'names of three claims',
    shown: 'userId,tier,role',
    doc: 'Names of the claims for user, tier and role. Unset: tokens of JWKS_URL have role reader and tier free, whatever they claim.',
  }),
  COMPAT_ANONYMOUS: required(flag, false, {
    unit: 'true | false',
    doc: 'Serve the DefiLlama-compatible routes without a key, within the limits of callers without a key.',
  }),
  LIMIT_CONNECTIONS: perTier(
    { none: 256, free: 5, pro: 50, enterprise: 1_000 },
    'Open connections per key; none: per address, before they present a key. 0: no limit.',
  ),
  LIMIT_MESSAGES: perTier(
    { none: 20, free: 100, pro: 1_000, enterprise: 10_000 },
    'Client messages per key and minute; none: per address, before a key is presented. 0: no limit.',
  ),
  LIMIT_API_REQUESTS: perTier(
    { none: 60, free: 60, pro: 600, enterprise: 6_000 },
    'API requests per key and minute; none: requests without a key, per address. 0: no limit.',
  ),
  LIMIT_ALERT_RULES: perTier({ free: 5, pro: 100, enterprise: 1_000 }, 'Alert rules per user. 0: no limit.'),
  LIMIT_SUBSCRIPTION_CHANGES: perTier(
    { free: 10, pro: 60, enterprise: 600 },
    'Subscription changes per connection and minute. 0: no limit.',
  ),
  LIMIT_CONNECTS_PER_ADDRESS: perTier(
    { none: 300, free: 100, pro: 1_000, enterprise: 10_000 },
    'New connections per address and minute; none: connections that never present a valid key. 0: no limit.',
  ),
  SMTP_URL: optional(mailServer, {
    unit: 'URL',
    secret: true,
    doc: 'Mail server; smtps and port 465 use implicit TLS. Unset: mails are written as files under DATA_DIR/mail.',
  }),
  MAIL_FROM: optional(mailSender, {
    unit: 'address',
    doc: 'Sender of mails, with or without a name. Web Push needs MAIL_FROM or a PUBLIC_URL with https as its contact.',
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
    doc: 'JSON file of the service account for Firebase Cloud Messaging.',
  }),
  EGRESS_ALLOW: required(list(addressBlock), [], {
    unit: 'CIDRs',
    shown: 'unset',
    doc: 'Private address blocks, comma-separated, that webhooks may reach; other private addresses are refused.',
  }),
  VERIFY_TARGETS: required(flag, true, {
    unit: 'true | false',
    doc: 'Whether the owner of a webhook or mail target must confirm it before it receives messages.',
  }),
  OPERATOR_TARGETS: required(list(operatorTarget), [], {
    unit: 'addresses',
    secret: true,
    shown: 'unset',
    doc: 'Addresses, comma-separated, that alarms for operators are sent to: mailto: and https://. They need no confirmation.',
  }),
  WEBHOOK_RATE: required(integer(0, 1_000_000), 60, {
    unit: 'messages per minute',
    doc: 'Maximum messages to one webhook endpoint or device; further messages wait. 0: no limit.',
  }),
  HOST_RATE: required(integer(0, 1_000_000), 300, {
    unit: 'messages per minute',
    doc: 'Maximum webhook and push messages of one user to one host; further messages wait. 0: no limit.',
  }),
  USER_RATE: required(integer(0, 1_000_000), 600, {
    unit: 'messages per minute',
    doc: 'Maximum messages of one user over all channels; further messages wait. 0: no limit.',
  }),
  MAIL_DAILY: required(integer(0, 1_000_000), 100, {
    unit: 'mails per day',
    doc: 'Maximum single mails to one address; further messages are combined into one mail per hour. 0: no limit.',
  }),
  USER_STORAGE_MB: required(integer(0, 1_000_000), 100, {
    unit: 'MB',
    doc: 'Maximum stored messages, attempts and alerts of one user. Near it the oldest are deleted early; at it no message is sent. 0: no limit.',
  }),
  DELIVERY_RETENTION_DAYS: required(number(1, 3_650), 30, {
    unit: 'days',
    doc: 'Time for which finished deliveries and their attempts are kept.',
  }),
  ALERT_HISTORY_DAYS: required(number(1, 3_650), 365, {
    unit: 'days',
    doc: 'Time for which the alert history and the versions of deleted rules are kept.',
  }),
  AUDIT_DAYS: required(number(30, 3_650), 365, {
    unit: 'days',
    doc: 'Time for which audit entries and ended keys are kept.',
  }),
  ONCHAIN_CONFIG: optional(file, {
    unit: 'file',
    doc: 'YAML file with the chains, endpoints, contracts and points rules to follow. Unset: those added over the API.',
  }),
  ONCHAIN_FLUSH_MS: required(number(0, 10_000), 250, {
    unit: 'ms',
    doc: 'Shortest time between two flushes of new blocks of one chain: faster blocks are stored together. 0: each at once.',
  }),
  MAX_BATCH_QUANTITY: required(number(1, 1_000_000), 100_000, {
    unit: 'tokens',
    doc: 'Largest number of tokens in one on-chain event; a log with more becomes a dead letter.',
  }),
  ONCHAIN_CHECKS: required(oneOf('on', 'strict', 'off'), 'on', {
    unit: 'on | strict | off',
    doc: 'Checks of on-chain invariants: each minute, an alarm (on); after each step too, and the chain stops (strict).',
  }),
  ...BACKUP_SETTINGS,
  LOG_LEVEL: required(oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), 'info', {
    unit: 'fatal | error | warn | info | debug | trace | silent',
    doc: 'Least severe level that is logged.',
  }),
  POD_ID: optional(pattern(/^[A-Za-z0-9_-]{1,32}$/, 'up to 32 letters, digits, _ and -'), {
    unit: 'name',
    shown: 'random',
    doc: 'Prefix of the Socket.IO session ids of this process, by which a load balancer routes a session to its process.',
  }),
  REGION: optional(text, {
    unit: 'text',
    doc: 'Name of the region, shown with each connection to distinguish deployments.',
  }),
};
