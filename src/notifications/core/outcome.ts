/** Service that messages go through, set up by the operator. */
export type Service = 'mail' | 'fcm' | 'web_push';

/** Outcome of one attempt. */
export interface Outcome {
  result: 'delivered' | 'failed' | 'rejected';
  /** HTTP or SMTP status. */
  statusCode?: number;
  /** Text for the target's owner; never a secret. */
  detail?: string;
  /** First 4 KB of the answer. */
  responseHead?: string;
  /** Wait that the receiver asked for, ms. */
  retryAfterMs?: number;
  /** Reason why the target has ended for good: it is disabled, a push token is deleted. */
  gone?: string;
  /** Words of the mail server that knows no such mailbox. */
  bounced?: string;
  /** Fault that is likely ours, or the operator's: it is logged and shown in the health of the process. */
  trouble?: { of: Service; detail: string };
  /** Service of the operator's that took the message: it works. */
  via?: Service;
  /** Set if the target has proven that it belongs to the user who asked for it. */
  verified?: true;
}

/** Beginning of the detail of an attempt whose request was sent and not answered: its target may have received it. */
export const NO_ANSWER = 'no answer';
/** Status of a gateway that passed the request on to its target, which did not answer in time. */
export const GATEWAY_TIMEOUT = 504;
