export const ROLES = ['reader', 'writer', 'admin'] as const;
/** Each role includes the ones before it. */
export type Role = (typeof ROLES)[number];

export const TIERS = ['free', 'pro', 'enterprise'] as const;
export type Tier = (typeof TIERS)[number];

export const TRANSPORTS = ['socketio', 'websocket', 'sse', 'rest'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** What a key can be restricted to subscribing. */
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

/** What one key may use; 0 means no limit. Per minute unless the name says otherwise. */
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
  /** The key's id; for a signed token `jwt:<subject>`. */
  readonly keyId: string;
  readonly role: Role;
  readonly tier: Tier;
  readonly limits: Limits;
  /** Subscription types the key is restricted to; undefined: all. */
  readonly subscriptionTypes?: readonly string[];
  /** Transports the key is restricted to; undefined: all. */
  readonly transports?: readonly Transport[];
  /** Unix milliseconds at which the key or token ended when it was read: the end of a key may be moved. */
  readonly expiresAt?: number;
  /** Of a signed token: Unix milliseconds at which its connections end. Keys in use are watched instead. */
  readonly endsAt?: number;
}

/** What a client showed to prove who it is, wherever it put it. */
export interface Credentials {
  /** An API key or a signed token. */
  secret: string | undefined;
  transport: Transport;
  /** The client's address after trusted proxies. */
  address: string;
}

export function roleIncludes(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
