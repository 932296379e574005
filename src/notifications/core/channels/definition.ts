import type { TurnstileWidth } from '../turnstile.js';

/** Lanes of a channel; the slow one is for targets that failed lately. */
export type Lane = 'main' | 'slow';

export interface LaneOptions {
  /** Name of its queue. */
  readonly name: string;
  /** Maximum number of deliveries of the lane at once in one process. */
  readonly concurrency: number;
}

export interface NormalisedTarget {
  /** Target as it is shown, kept in rules and compared. */
  target: string;
  /** Secret of a push target, or of a hook that is shown in part: its true address, to be sealed. */
  secret?: string;
  /** Set if it is the name of a target that must exist already. */
  reference?: true;
  /** Host of its messages. */
  host?: string;
  /** State of a new target. */
  status: 'pending' | 'active';
}

/** Facts that a target's normal form depends on. */
export interface TargetQuestion {
  /** Number of characters of a hook's secret that are shown. */
  readonly shown: number;
  /** State of a new target that has to prove itself. */
  readonly unproven: 'pending' | 'active';
  /** Returns the normal form of an address that may be called; throws for any other. */
  readonly url: (text: string) => string;
}

/** Proof that a target belongs to the user who asks for it. */
export interface TargetProof {
  /** Type of the message that asks for it. */
  readonly type: 'target.confirm' | 'endpoint.verify';
  /** Whether the link with the token confirms; else the answer to the message does. */
  readonly byLink: boolean;
  /** Whether the code that the receiver shows confirms as well. */
  readonly byCode: boolean;
  /** Returns the content of the message; `seal` hides a token until its message is written. */
  readonly data: (token: string, code: string, seal: (token: string) => string) => object;
}

/** Limits of messages to one target. */
export interface ChannelLimits {
  /** Setting with the maximum number of messages to one target, 0: no limit. */
  readonly setting: 'webhookRate' | 'mailDaily';
  readonly per: 'minute' | 'day';
  /** Reason of messages above it. */
  readonly reason: string;
  /** Whether messages above it are sent together, one an hour; else they wait. */
  readonly sendsTogether: boolean;
  /** Whether messages of a user to one host are limited as well. */
  readonly limitsHosts: boolean;
  /** Limits of targets that wait for their proof, so that no receiver is flooded; absent: none. */
  readonly unproven?: {
    /** Maximum number of one user. */
    readonly ofUser: number;
    /** Maximum number of users that wait for one target. */
    readonly ofTarget: number;
    /** Name of such targets in refusals. */
    readonly noun: string;
  };
}

/**
 * Properties of a channel: the only place that describes one. The class that sends is beside it in `channels/channels.ts`.
 */
export interface ChannelDefinition {
  /** Returns the normal form of a target, or the reason why it can never be used. */
  readonly normalise: (text: string, question: TargetQuestion) => NormalisedTarget | { fault: string };
  /** Returns the key that all spellings of one target share. */
  readonly key: (target: string) => string;
  readonly proof: TargetProof;
  /** Waits after the first, second … failed attempt, ms. After the last one the delivery is dead. */
  readonly retryWaitsMs: readonly number[];
  /** Queues of its deliveries; without a slow one all take the main one. */
  readonly lanes: { readonly main: LaneOptions; readonly slow?: LaneOptions };
  /** Width of the turnstile of its receivers; absent: they take turns with all that are as quick. */
  readonly turns?: TurnstileWidth;
  readonly limits: ChannelLimits;
  /**
   * Consequence of the end of a target. `warn`: its owner gets a mail. `forget`: its secret is deleted, and it comes back when it
   * is registered again. `keep`: none.
   */
  readonly onDead: 'warn' | 'forget' | 'keep';
  /** Whether failures of a target pause its messages. */
  readonly hasBreaker: boolean;
  /** Whether messages are signed with a secret of the target. */
  readonly isSigned: boolean;
  /** Whether two targets can have the same shown name, so that more of a secret must be shown. */
  readonly hasShortNames: boolean;
  /** Whether messages have a format; without one, and without a template, a program reads them. */
  readonly hasFormats: boolean;
  /** Whether messages of low and normal priority are collected in digests. */
  readonly isCollected: boolean;
  /** Whether its messages end with the preference `unsubscribed`. */
  readonly hasUnsubscribe: boolean;
}
