export const CHANNELS = ['email', 'webhook', 'push'] as const;
export type Channel = (typeof CHANNELS)[number];

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

/** What users are told. */
export const MESSAGE_TYPES = ['alert.fired', 'alert.resolved', 'alert.summary', 'alert.retracted', 'test'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** What the product says for itself: proofs of ownership and warnings. */
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

/** The alert as every channel, template and socket gets it. Fractions and US dollars, never percent. */
export interface AlertMessage {
  alertId: string;
  ruleId: string;
  name: string;
  state: 'fired' | 'resolved' | 'summary' | 'test';
  /** What kind of condition spoke, e.g. `change_pct`. */
  type: string;
  /** One sentence for people; begins with the name of the rule. */
  message: string;
  /** ISO 8601: when what it tells of happened. */
  at: string;
  priority: Priority;
  protocol?: string;
  chain?: string;
  token?: string;
  metric: string;
  value: number | null;
  threshold: number | null;
  /** Why now: values, reference, rule version. Left out of a message that would grow beyond 20 KB. */
  explanation: object;
}

/** A message to one target, to be recorded in the transaction that decided on it. */
export interface NewDelivery {
  userId: string;
  channel: Channel;
  /** As `Targets.claim` normalised it. */
  target: string;
  type: MessageType;
  data: AlertMessage;
  /** Name of a user's or a built-in template; an unknown one falls back to the default. */
  template?: string;
  format?: Format;
  priority: Priority;
  /** Rule and instance: a newer message makes older ones to the same target needless while they wait. */
  collapseKey: string;
  /** Tells what happened, an event, a move or a crossing: no newer message makes it needless. */
  standalone?: boolean;
  /** The rules it speaks of, if they are more than that of `data`: it leaves while one of them wants it. */
  ruleIds?: readonly string[];
  /** Not before this time: quiet hours, digests. */
  notBefore?: Date;
  /** May wait with others of its target and leave as one mail; see `sendTime`. */
  digest?: boolean;
  /** After this time nobody wants it any more. Moves with `notBefore` when that is later. */
  expiresAt: Date;
  /** With it, the same message to the same target is recorded once, however often it is created. */
  transitionId?: string;
  /** Why it is recorded and never sent, e.g. `channel_off`. */
  suppressed?: string;
}
