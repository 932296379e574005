export const ROLES = ['reader', 'writer', 'admin'] as const;
/** Role of a key; each role includes the roles before it in `ROLES`. */
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

/**
 * Limits of one key; 0: no limit. `messages`, `apiRequests`, `subscriptionChanges` and `connectsPerAddress` are per minute.
 */
export interface Limits {
  connections: number;
  messages: number;
  apiRequests: number;
  alertRules: number;
  subscriptionChanges: number;
  connectsPerAddress: number;
}

/** Authenticated caller of a request. Data belongs to the user; limits apply per key. */
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
  /**
   * Time at which the key or token expires, as known when it was checked, Unix milliseconds. The expiry of a key can be
   * changed later.
   */
  readonly expiresAt?: number;
  /**
   * Time at which the connections of a signed token end, Unix milliseconds. Undefined for keys, which `KeyWatch` checks
   * while they are in use.
   */
  readonly endsAt?: number;
}

/** Secret that a client sent, and the transport and address from which it came. */
export interface Credentials {
  /** API key or signed token. */
  secret: string | undefined;
  transport: Transport;
  /** Client address, from behind the trusted proxies. */
  address: string;
}

export function roleIncludes(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
