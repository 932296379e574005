import type { Channel } from './channels/catalogue.js';
import type { DeliveryState, Format, MessageType, Priority, SystemType } from './delivery.js';

/** Delivery that is being sent, with all data that its channel needs. */
export interface ClaimedDelivery {
  /** Value of `webhook-id`: the same in every attempt. */
  readonly id: string;
  /** Position in the order in which messages were recorded. */
  readonly position: number;
  readonly userId: string;
  readonly targetId: string;
  readonly channel: Channel;
  readonly target: string;
  /** Encrypted push token, or encrypted complete URL of a hook that is shown in part. */
  readonly sealedTarget: string | null;
  /** Encrypted signing secrets, the current one first. */
  readonly sealedSecrets: readonly string[];
  readonly type: MessageType | SystemType;
  readonly data: object;
  readonly template: string | null;
  readonly format: Format | null;
  readonly priority: Priority;
  /** Key of messages of which a device shows only the newest. */
  readonly collapseKey: string;
  /** Rule and instance of the alert. */
  readonly instanceKey: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** Number of this attempt since the delivery was created or last requested by hand. */
  readonly tries: number;
  /** Time of the claim, Unix ms. */
  readonly startedAt: number;
  /** Other deliveries that are sent in the same mail. */
  readonly members: readonly ClaimedDelivery[];
}

/** Delivery and its target, as the claim reads them. */
export interface CandidateRow {
  id: string;
  position: number;
  user_id: string;
  target_id: string | null;
  channel: Channel;
  target: string;
  type: MessageType | SystemType;
  data: object;
  template: string | null;
  format: Format | null;
  priority: Priority;
  digest: boolean;
  collapse_key: string;
  standalone: boolean;
  state: DeliveryState;
  attempts: number;
  tries: number;
  created_at: Date;
  expires_at: Date;
  asked: boolean;
  rule_ids: string[] | null;
  /** Whether the message waits until its on-chain events are final. */
  awaits: boolean;
  /**
   * State of the previous messages about the same subjects: for a resolution, of its firings; for a firing, of
   * resolutions.
   */
  before: 'none' | 'delivered' | 'open' | 'lost' | 'overtaken';
  /** Time of the next attempt of the previous message. */
  before_next: Date | null;
  /** Whether the message reports that its subjects no longer hold: a resolution, or a storm of resolutions. */
  is_end: boolean;
  host: string | null;
  status: 'pending' | 'active' | 'disabled' | null;
  status_reason: string | null;
  verified_at: Date | null;
  sealed: string | null;
  breaker_open_until: Date | null;
  secrets: string[];
  recent: number;
}

export function claimed(row: CandidateRow, startedAt: number, members: readonly ClaimedDelivery[]): ClaimedDelivery {
  return {
    id: row.id,
    position: row.position,
    userId: row.user_id,
    targetId: row.target_id ?? '',
    channel: row.channel,
    target: row.target,
    sealedTarget: row.sealed,
    sealedSecrets: row.secrets,
    type: row.type,
    data: row.data,
    template: row.template,
    format: row.format,
    priority: row.priority,
    collapseKey: row.standalone ? row.id : row.collapse_key,
    instanceKey: row.collapse_key,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    attempt: row.attempts + 1,
    tries: row.tries + 1,
    startedAt,
    members,
  };
}
