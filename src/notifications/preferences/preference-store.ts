import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LRUCache } from 'lru-cache';
import { Any, In, Repository } from 'typeorm';
import { channelsWhere } from '../core/channels/catalogue.js';
import {
  completePreferences,
  DEFAULT_PREFERENCES,
  mergePreferences,
  type PreferencesChange,
  type UserPreferences,
} from '../core/preferences.js';
import { isTimeOfDay, isZone, quietHoursFault } from '../core/quiet-hours.js';
import { Deliveries } from '../deliveries/deliveries.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inputFault } from '../../platform/input/faults.js';
import { TargetEntity } from '../targets/target.entity.js';
import { PreferencesEntity } from './preferences.entity.js';

/** Preferences, and the addresses that links in mails have unsubscribed. */
type ShownPreferences = UserPreferences & { unsubscribedAddresses: string[] };

/** Time after which all processes use changed preferences, ms: lifetime of cached preferences. */
const PREFERENCES_TTL_MS = 2_000;

/** Notification preferences of users: channels, quiet hours and digest. */
@Injectable()
export class PreferenceStore {
  private readonly known = new LRUCache<string, UserPreferences>({ max: 20_000, ttl: PREFERENCES_TTL_MS });

  constructor(
    @InjectRepository(PreferencesEntity) private readonly stored: Repository<PreferencesEntity>,
    @InjectRepository(TargetEntity) private readonly targets: Repository<TargetEntity>,
    private readonly database: Database,
    private readonly deliveries: Deliveries,
  ) {}

  async of(userId: string): Promise<UserPreferences> {
    return (await this.ofAll([userId])).get(userId) ?? DEFAULT_PREFERENCES;
  }

  /** Returns the preferences of several users; the result contains every given user. */
  async ofAll(userIds: readonly string[]): Promise<Map<string, UserPreferences>> {
    const unknown = userIds.filter((userId) => !this.known.has(userId));
    const rows = unknown.length === 0 ? [] : await this.stored.findBy({ userId: Any(unknown) });
    const found = new Map(rows.map(({ userId, preferences }) => [userId, completePreferences(preferences)]));
    for (const userId of unknown) this.known.set(userId, found.get(userId) ?? DEFAULT_PREFERENCES);
    return new Map(
      userIds.map((userId) => [userId, found.get(userId) ?? this.known.get(userId) ?? DEFAULT_PREFERENCES]),
    );
  }

  /** Returns the stored preferences, and the addresses that links in mails have unsubscribed. */
  async shown(userId: string): Promise<ShownPreferences> {
    const stored = await this.stored.findOneBy({ userId });
    const rows = await this.targets.find({
      where: { userId, channel: In(channelsWhere(({ hasUnsubscribe }) => hasUnsubscribe)) },
      order: { createdAt: 'ASC', id: 'ASC' },
    });
    const preferences = completePreferences(stored?.preferences ?? {});
    const gone = rows.filter(isUnsubscribed).map((row) => row.target);
    const none = gone.length > 0 && gone.length === rows.length;
    return { ...preferences, unsubscribed: preferences.unsubscribed || none, unsubscribedAddresses: gone };
  }

  /**
   * Changes the given preferences, including single times, and returns all preferences; concurrent changes of one user
   * are serialised. Throws `invalid_request` for invalid times or time zones. Waiting messages are checked again with the
   * new preferences.
   */
  change(userId: string, changes: PreferencesChange): Promise<UserPreferences> {
    return this.write(userId, (current) => mergePreferences(current, changes));
  }

  /** Replaces all preferences; omitted ones get their defaults. */
  replace(userId: string, wanted: PreferencesChange): Promise<UserPreferences> {
    return this.write(userId, () => mergePreferences(DEFAULT_PREFERENCES, wanted));
  }

  /** Plain SQL: concurrent changes of a user wait for the lock of its row, which may have to be created. */
  private async write(
    userId: string,
    changed: (current: UserPreferences) => UserPreferences,
  ): Promise<UserPreferences> {
    const preferences = await this.database.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO notification_preferences (user_id, preferences) VALUES ($1, '{}') ON CONFLICT DO NOTHING`,
        [userId],
      );
      const { rows } = await tx.query<{ preferences: Partial<UserPreferences> }>(
        'SELECT preferences FROM notification_preferences WHERE user_id = $1 FOR UPDATE',
        [userId],
      );
      const next = changed(completePreferences(rows[0]?.preferences ?? {}));
      check(next);
      await tx.query('UPDATE notification_preferences SET preferences = $2, updated_at = now() WHERE user_id = $1', [
        userId,
        JSON.stringify(next),
      ]);
      await this.deliveries.reconsider(tx, { userId });
      return next;
    });
    this.known.set(userId, preferences);
    return preferences;
  }
}

function isUnsubscribed({ status, statusReason }: TargetEntity): boolean {
  return status === 'disabled' && statusReason === 'unsubscribed';
}

function check({ quietHours, digest }: UserPreferences): void {
  const fault = quietHours === null ? undefined : quietHoursFault(quietHours);
  if (fault !== undefined) throw refused(`quietHours.${fault.field}`, fault.detail);
  if (digest === null) return;
  const { every, at } = digest;
  if (every === 'hour' && at !== undefined)
    throw refused('digest.at', 'must be left out: an hourly digest is sent at each full hour');
  if (at !== undefined && !isTimeOfDay(at)) throw refused('digest.at', 'must be a time such as 22:30');
  if (!isZone(digest.timezone)) throw refused('digest.timezone', 'must be a time zone such as Europe/Berlin');
}

function refused(field: string, detail: string): DomainError {
  const pointer = `/${field.replace('.', '/')}`;
  return inputFault('invalid_request', pointer, 'invalid', detail, { message: `${field} ${detail}.` });
}
