import { Injectable } from '@nestjs/common';
import { IANAZone } from 'luxon';
import { LRUCache } from 'lru-cache';
import { CHANNELS } from '../core/delivery.js';
import { DEFAULT_PREFERENCES, type UserPreferences } from '../core/preferences.js';
import { sendTime } from '../core/send-time.js';
import { Deliveries } from '../deliveries/deliveries.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';

const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
/** Changed preferences are used by all processes after this time, ms. */
const REMEMBERED_MS = 2_000;

/** What users want to be told, where and when. */
@Injectable()
export class Preferences {
  private readonly known = new LRUCache<string, UserPreferences>({ max: 20_000, ttl: REMEMBERED_MS });

  constructor(
    private readonly database: Database,
    private readonly deliveries: Deliveries,
  ) {}

  async of(userId: string): Promise<UserPreferences> {
    return (await this.ofAll([userId])).get(userId) ?? DEFAULT_PREFERENCES;
  }

  /** Of several users at once; every user asked for is in the answer. */
  async ofAll(userIds: readonly string[]): Promise<Map<string, UserPreferences>> {
    const unknown = userIds.filter((userId) => !this.known.has(userId));
    const rows =
      unknown.length === 0
        ? []
        : await this.database.query<{ user_id: string; preferences: Partial<UserPreferences> }>(
            'SELECT user_id, preferences FROM notification_preferences WHERE user_id = ANY($1)',
            [unknown],
          );
    const found = new Map(rows.map(({ user_id: userId, preferences }) => [userId, complete(preferences)]));
    for (const userId of unknown) this.known.set(userId, found.get(userId) ?? DEFAULT_PREFERENCES);
    return new Map(
      userIds.map((userId) => [userId, found.get(userId) ?? this.known.get(userId) ?? DEFAULT_PREFERENCES]),
    );
  }

  /**
   * Replaces the given parts and returns the whole; throws `invalid_request` for times or zones that do not exist. What waits
   * for a channel that is off from now on is withdrawn: a digest of tomorrow, a retry.
   */
  async change(userId: string, changes: Partial<UserPreferences>): Promise<UserPreferences> {
    check(changes);
    const preferences = await this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ preferences: Partial<UserPreferences> }>(
        `INSERT INTO notification_preferences AS p (user_id, preferences) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET preferences = p.preferences || excluded.preferences, updated_at = now()
         RETURNING preferences`,
        [userId, JSON.stringify(changes)],
      );
      const changed = complete(rows[0]?.preferences ?? {});
      for (const channel of CHANNELS) {
        const { suppressed } = sendTime(changed, 'critical', new Date(), channel);
        if (suppressed !== undefined) await this.deliveries.withdraw(tx, userId, channel, suppressed);
      }
      return changed;
    });
    this.known.set(userId, preferences);
    return preferences;
  }
}

function complete(stored: Partial<UserPreferences>): UserPreferences {
  return {
    ...DEFAULT_PREFERENCES,
    ...stored,
    channels: { ...DEFAULT_PREFERENCES.channels, ...stored.channels },
  };
}

function check({ quietHours, digest }: Partial<UserPreferences>): void {
  if (quietHours) {
    checkTime('quietHours.start', quietHours.start);
    checkTime('quietHours.end', quietHours.end);
    checkZone('quietHours.timezone', quietHours.timezone);
  }
  if (digest) {
    checkTime('digest.at', digest.at);
    checkZone('digest.timezone', digest.timezone);
  }
}

function checkTime(field: string, time: string): void {
  if (!TIME.test(time)) throw new DomainError('invalid_request', `${field} is a time such as 22:30.`, { field });
}

function checkZone(field: string, zone: string): void {
  if (IANAZone.isValidZone(zone)) return;
  throw new DomainError('invalid_request', `${field} is a time zone such as Europe/Berlin.`, { field });
}
