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

/** Types of the product's own messages: proofs of ownership and warnings. */
export const SYSTEM_TYPES = [
  'endpoint.verify',
  'target.confirm',
  'endpoint.failing',
  'endpoint.disabled',
  'account.budget',
] as const;
export type SystemType = (typeof SYSTEM_TYPES)[number];

export const FORMATS = ['standard', 'slack', 'discord', 'teams', 'telegram', 'pagerduty', 'json'] as const;
/** Shape of a webhook's body; without one it is the Standard Webhooks envelope. */
export type Format = (typeof FORMATS)[number];

/** Alert as every channel, template and socket gets it. Fractions and US dollars, never percent. */
export interface AlertMessage {
  alertId: string;
  ruleId: string;
  name: string;
  state: 'fired' | 'resolved' | 'summary' | 'test';
  /** Class of the condition that fired, e.g. `change_pct`. */
  type: string;
  /** One sentence for people; begins with the name of the rule. */
  message: string;
  /** Time at which it happened, ISO 8601. */
  at: string;
  priority: Priority;
  protocol?: string;
  chain?: string;
  token?: string;
  metric: string;
  value: number | null;
  threshold: number | null;
  /** Reason with values, reference, rule version. Left out of a message that would grow beyond 20 KB. */
  explanation: object;
}

/** Message to one target, to be recorded in the transaction that decided on it. */
export interface NewDelivery {
  userId: string;
  channel: Channel;
  /** Target as normalised by `Targets.claim`. */
  target: string;
  type: MessageType;
  data: AlertMessage;
  /** Name of a user's or a built-in template; an unknown one falls back to the default. */
  template?: string;
  format?: Format;
  priority: Priority;
  /** Rule and instance: a newer message supersedes older ones to the same target while they wait. */
  collapseKey: string;
  /** Whether it reports a happening, such as an event, a move or a crossing: no newer message supersedes it. */
  standalone?: boolean;
  /** Rules it speaks of, if they are more than that of `data`: it is sent while one of them wants it. */
  ruleIds?: readonly string[];
  /** Earliest time of sending: quiet hours, digests. */
  notBefore?: Date;
  /** Whether it may wait for others of its target to be sent with them as one mail; see `sendTime`. */
  digest?: boolean;
  /** Time after which it is not sent any more. Moves with `notBefore` if that is later. */
  expiresAt: Date;
  /** Id by which the same message to the same target is recorded once, however often it is created. */
  transitionId?: string;
  /** Reason for which it is recorded and never sent, e.g. `channel_off`. */
  suppressed?: string;
}
