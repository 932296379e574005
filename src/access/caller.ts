export const ROLES = ['reader', 'writer', 'admin'] as const;
/** Role of a key; each includes the ones before it. */
export type Role = (typeof ROLES)[number];

export const TIERS = ['free', 'pro', 'enterprise'] as const;
export type Tier = (typeof TIERS)[number];

export const TRANSPORTS = ['socketio', 'websocket', 'sse', 'rest'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Subscription types to which a key can be restricted. */
export const SUBSCRIPTION_TYPES = [
  'protocol',
  'tvl_changes',
  'price_changes',
  'protocol_updates',
  'alerts',
  'onchain',
  'channel',
  'announcements',
  'query',
] as const;
export type SubscriptionType = (typeof SUBSCRIPTION_TYPES)[number];

/** Limits of one key; 0 means none. Per minute unless the name says otherwise. */
export interface Limits {
  connections: number;
  messages: number;
  apiRequests: number;
  alertRules: number;
  subscriptionChanges: number;
  connectsPerAddress: number;
}

/** Caller of a request: the result of checking a key or a token. Ownership belongs to the user, limits to the key. */
export interface Caller {
  readonly userId: string;
  /** Id of the key; for a signed token `jwt:<subject>`. */
  readonly keyId: string;
  readonly role: Role;
  readonly tier: Tier;
  readonly limits: Limits;
  /** Subscription types to which the key is restricted; undefined: all. */
  readonly subscriptionTypes?: readonly string[];
  /** Transports to which the key is restricted; undefined: all. */
  readonly transports?: readonly Transport[];
  /** Expiry of the key or token when it was read, Unix milliseconds: that of a key may be moved. */
  readonly expiresAt?: number;
  /** Time at which the connections of a signed token end, Unix milliseconds. Keys in use are watched instead. */
  readonly endsAt?: number;
}

/** Proof of identity of a client, wherever it was sent. */
export interface Credentials {
  /** API key or signed token. */
  secret: string | undefined;
  transport: Transport;
  /** Address of the client after trusted proxies. */
  address: string;
}

export function roleIncludes(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
