import type { Channel } from './delivery.js';

/** Local times are `HH:MM`; `end` before `start` spans midnight. */
export interface QuietHours {
  start: string;
  end: string;
  /** IANA name, e.g. `Europe/Berlin`. */
  timezone: string;
  /** Critical messages leave at once all the same. */
  allowCritical: boolean;
}

export interface Digest {
  every: 'hour' | 'day';
  /** Local time of the daily digest, `HH:MM`. */
  at: string;
  timezone: string;
}

export interface UserPreferences {
  channels: Record<Channel, boolean>;
  quietHours: QuietHours | null;
  /** Mails of low and normal priority wait for it. */
  digest: Digest | null;
  /** No alert mail at all. */
  unsubscribed: boolean;
}

export const DEFAULT_PREFERENCES: UserPreferences = {
  channels: { email: true, webhook: true, push: true },
  quietHours: null,
  digest: null,
  unsubscribed: false,
};
