import { ofEachChannel, type Channel } from './channels/catalogue.js';

/** Days in the order of the week. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

/** Quiet hours. Local times are `HH:MM`; `end` before `start`, or equal to it, is the next day's. */
export interface QuietHours {
  start: string;
  end: string;
  /** IANA name, e.g. `Europe/Berlin`. */
  timezone: string;
  /** Days on which they start; absent: every day. */
  days?: readonly Day[];
  /** Whether critical messages are sent at once all the same. */
  allowCritical: boolean;
}

/** Quiet hours of a rule that is never quiet, whatever its user's are. */
export const NEVER_QUIET = 'never';
/** Quiet hours of a rule: its own, none, or (null) those of its user. */
export type RuleQuietHours = QuietHours | typeof NEVER_QUIET | null;

export interface Digest {
  every: 'hour' | 'day';
  /** Local time of a daily digest, `HH:MM`; an hourly one has none. */
  at?: string;
  timezone: string;
}

export interface UserPreferences {
  channels: Record<Channel, boolean>;
  quietHours: QuietHours | null;
  /** Digest for which mails of low and normal priority wait. */
  digest: Digest | null;
  /** Whether no alert mail is sent at all. */
  unsubscribed: boolean;
}

export const DEFAULT_PREFERENCES: UserPreferences = {
  channels: ofEachChannel(() => true),
  quietHours: null,
  digest: null,
  unsubscribed: false,
};

/** Returns the preferences that apply to the messages of a rule. */
export function preferencesFor(
  { quietHours }: { readonly quietHours?: RuleQuietHours },
  preferences: UserPreferences,
): UserPreferences {
  if (quietHours === undefined || quietHours === null) return preferences;
  return { ...preferences, quietHours: quietHours === NEVER_QUIET ? null : quietHours };
}

/** Returns the stored preferences, completed with the defaults. */
export function completePreferences(stored: Partial<UserPreferences>): UserPreferences {
  return {
    ...DEFAULT_PREFERENCES,
    ...stored,
    channels: { ...DEFAULT_PREFERENCES.channels, ...stored.channels },
    digest: stored.digest ? withTime(stored.digest, false) : null,
  };
}

/** Preferences to change: an absent one stays as it is. */
export interface PreferencesChange {
  channels?: Partial<Record<Channel, boolean>>;
  quietHours?: Partial<QuietHours> | null;
  digest?: Partial<Digest> | null;
  unsubscribed?: boolean;
}

/**
 * Returns the preferences after a change. Needed members of new quiet hours or of a new digest that are not named stay empty: the
 * check that follows finds them.
 */
export function mergePreferences(current: UserPreferences, changes: PreferencesChange): UserPreferences {
  const { channels, quietHours, digest, unsubscribed } = changes;
  return {
    channels: { ...current.channels, ...given(channels ?? {}) },
    quietHours: merged(current.quietHours, NO_QUIET_HOURS, quietHours),
    digest: mergedDigest(current.digest, digest),
    unsubscribed: unsubscribed ?? current.unsubscribed,
  };
}

const NO_QUIET_HOURS: QuietHours = { start: '', end: '', timezone: '', allowCritical: true };
const NO_DIGEST: Digest = { every: 'day', timezone: '' };
/** Local time of a daily digest unless another one is given. */
export const DIGEST_TIME = '08:00';

function merged<T extends object>(current: T | null, empty: T, change: Partial<T> | null | undefined): T | null {
  if (change === undefined) return current;
  return change === null ? null : { ...(current ?? empty), ...given(change) };
}

function mergedDigest(current: Digest | null, change: Partial<Digest> | null | undefined): Digest | null {
  const digest = merged(current, NO_DIGEST, change);
  return digest && withTime(digest, typeof change?.at === 'string');
}

/** Returns a digest with the time that it needs. `keeps`: a time that is not needed stays, for the check to find it. */
function withTime({ at, ...digest }: Digest, keeps: boolean): Digest {
  if (digest.every === 'day') return { ...digest, at: at ?? DIGEST_TIME };
  return keeps && at !== undefined ? { ...digest, at } : digest;
}

/** Returns the members that were sent: a body also has the others, as undefined. */
function given<T extends object>(change: T): T {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as T;
}
