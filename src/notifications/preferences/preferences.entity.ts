import { Column, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import type { UserPreferences } from '../core/preferences.js';

/** Notification preferences of a user, as stored: fields that an earlier version did not have are absent. */
@Entity('notification_preferences')
export class PreferencesEntity {
  @PrimaryColumn({ name: 'user_id', type: 'text' })
  userId!: string;

  @Column({ type: 'jsonb' })
  preferences!: Partial<UserPreferences>;

  @UpdateDateColumn({ name: 'updated_at', type: 'timestamptz', select: false })
  updatedAt!: Date;
}
