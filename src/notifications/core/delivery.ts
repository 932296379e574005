import type { Channel } from './channels/catalogue.js';

export const PRIORITIES = ['low', 'normal', 'high', 'critical'] as const;
export type Priority = (typeof PRIORITIES)[number];

export const DELIVERY_STATES = [
  'pending',
  'sending',
  'delivered',
  'retrying',
  'dead',
  'suppressed',
  'superseded',
  'expired',
] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Types of messages about alerts. */
export const MESSAGE_TYPES = ['alert.fired', 'alert.resolved', 'alert.summary', 'alert.retracted', 'test'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** Types of this service's own messages: proofs of ownership and warnings. */
export const SYSTEM_TYPES = [
  'endpoint.verify',
  'target.confirm',
  'endpoint.failing',
  'endpoint.disabled',
  'account.budget',
] as const;
export type SystemType = (typeof SYSTEM_TYPES)[number];

export const FORMATS = ['standard', 'slack', 'discord', 'teams', 'telegram', 'pagerduty', 'json'] as const;
/** Format of a webhook's body; without a format it is the Standard Webhooks envelope. */
export type Format = (typeof FORMATS)[number];

/** Alert in the form for all channels, templates and sockets. Numbers are fractions and US dollars, never percent. */
export interface AlertMessage {
  alertId: string;
  ruleId: string;
  name: string;
  state: 'fired' | 'resolved' | 'summary' | 'retracted' | 'test';
  /** Kind of the condition that fired, for example `change_pct`. */
  type: string;
  /** One sentence for people; begins with the name of the rule. */
  message: string;
  /** Time of the event or tick that caused the alert, ISO 8601. */
  at: string;
  priority: Priority;
  protocol?: string;
  chain?: string;
  token?: string;
  /** Address, if the alert is about the points or staked tokens of an account. */
  account?: string;
  metric: string;
  value: number | null;
  threshold: number | null;
  /** Explanation: values, reference, rule version. Omitted if the message would exceed 20 KB. */
  explanation: object;
}

/** Message to one target; it must be recorded in the transaction that decides to send it. */
export interface NewDelivery {
  userId: string;
  channel: Channel;
  /** Target in the normal form of `Targets.claim`. */
  target: string;
  type: MessageType;
  data: AlertMessage;
  /** Name of a built-in template or of one of the user's; if unknown, the default is used. */
  template?: string;
  format?: Format;
  priority: Priority;
  /** Rule and instance: a newer message to the same target supersedes waiting ones with the same key. */
  collapseKey: string;
  /**
   * Whether the message reports a fact, such as an event, a change or a crossing, so that no newer message supersedes it.
   */
  standalone?: boolean;
  /**
   * Rules of a message about several rules; it is sent while at least one of them wants it. Absent: only the rule in
   * `data`.
   */
  ruleIds?: readonly string[];
  /** Earliest time of sending, because of quiet hours or a digest. */
  notBefore?: Date;
  /** Whether the message may be collected with others of its target in one mail; see `sendTime`. */
  digest?: boolean;
  /** Time after which the message is not sent any more. If `notBefore` is later, it is postponed accordingly. */
  expiresAt: Date;
  /** Id under which a message to a target is recorded only once, even if it is created repeatedly. */
  transitionId?: string;
  /** On-chain events that the message tells of, by their identity; with them it can be retracted. */
  onchainIds?: readonly string[];
  /** Events among them that must become final before the message is sent. */
  awaited?: readonly string[];
  /** Reason why the message is recorded but never sent, for example `channel_off`. */
  suppressed?: string;
}
