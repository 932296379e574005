import type { TurnstileWidth } from '../turnstile.js';

/** Lanes of a channel; the slow lane is for targets that failed recently. */
export type Lane = 'main' | 'slow';

export interface LaneOptions {
  /** Name of the lane's queue. */
  readonly name: string;
  /** Maximum number of concurrent deliveries of the lane in one process. */
  readonly concurrency: number;
}

export interface NormalisedTarget {
  /** Target in the form in which it is shown, stored in rules and compared. */
  target: string;
  /**
   * Secret part of the target, to be encrypted: a push token or subscription, or the complete URL of a hook that is shown
   * in part.
   */
  secret?: string;
  /** Set if the text is the shown name of a target that must already exist. */
  reference?: true;
  /** Host to which the target's messages are sent. */
  host?: string;
  /** State of a new target. */
  status: 'pending' | 'active';
}

/** Input for the normal form of a target. */
interface TargetQuestion {
  /** Number of characters of a hook's secret that are shown. */
  readonly shown: number;
  /** State of a new target that needs a proof. */
  readonly unproven: 'pending' | 'active';
  /** Returns the normal form of a URL; throws if the URL must not be called. */
  readonly url: (text: string) => string;
}

/** Proof that a target belongs to the user who registers it. */
interface TargetProof {
  /** Type of the message that requests the proof. */
  readonly type: 'target.confirm' | 'endpoint.verify';
  /** Whether the link with the token confirms the target; if not, the receiver's response to the message does. */
  readonly byLink: boolean;
  /** Whether the code that the receiver shows can also confirm the target. */
  readonly byCode: boolean;
  /** Returns the content of the message; `seal` encrypts the token until the message is written. */
  readonly data: (token: string, code: string, seal: (token: string) => string) => object;
}

/** Limits of messages to one target. */
interface ChannelLimits {
  /** Setting with the maximum number of messages to one target; 0 in it means no limit. */
  readonly setting: 'webhookRate' | 'mailDaily';
  readonly per: 'minute' | 'day';
  /** Reason of messages above the limit. */
  readonly reason: string;
  /** Whether messages above the limit are collected and sent as one per hour; if not, they wait. */
  readonly sendsTogether: boolean;
  /** Whether the messages of a user to one host are limited, too. */
  readonly limitsHosts: boolean;
  /** Limits of targets that wait for their proof, so that no receiver is flooded with proofs; absent: no limits. */
  readonly unproven?: {
    /** Maximum number of such targets of one user. */
    readonly ofUser: number;
    /** Maximum number of users whose registration of the same target waits. */
    readonly ofTarget: number;
    /** Name of such targets in error messages. */
    readonly noun: string;
  };
}

/** Properties of a channel: the only place that describes it, except for its sender class in `channels/channel-senders.ts`. */
export interface ChannelDefinition {
  /** Returns the normal form of a target, or the reason why the target can never be used. */
  readonly normalise: (text: string, question: TargetQuestion) => NormalisedTarget | { fault: string };
  /** Returns the key that all spellings of one target share. */
  readonly key: (target: string) => string;
  readonly proof: TargetProof;
  /** Wait after the first, second, … failed attempt, ms. After the last wait and one more failure the delivery is dead. */
  readonly retryWaitsMs: readonly number[];
  /** Queues of the channel's deliveries; without a slow lane all use the main one. */
  readonly lanes: { readonly main: LaneOptions; readonly slow?: LaneOptions };
  /**
   * Limits for concurrent sends of this channel alone; absent: its receivers share the limits of all quick, new or slow
   * receivers.
   */
  readonly turns?: TurnstileWidth;
  readonly limits: ChannelLimits;
  /**
   * Consequence when a target is disabled. `warn`: its owner gets a mail. `forget`: its secret is deleted, and a new
   * registration restores the target. `keep`: none.
   */
  readonly onDead: 'warn' | 'forget' | 'keep';
  /** Whether repeated failures of a target pause its messages (circuit breaker). */
  readonly hasBreaker: boolean;
  /** Whether messages are signed with a secret that belongs to the target. */
  readonly isSigned: boolean;
  /** Whether the masked names of two targets can be equal; the mask then leaves more characters visible. */
  readonly hasShortNames: boolean;
  /** Whether messages have a `format`. If so, a message with neither format nor template is read by a program. */
  readonly hasFormats: boolean;
  /** Whether messages of low and normal priority are collected in digests. */
  readonly isCollected: boolean;
  /** Whether the preference `unsubscribed` stops the channel's messages. */
  readonly hasUnsubscribe: boolean;
}
