/** Service of the operator through which messages are sent. */
type Service = 'mail' | 'fcm' | 'web_push';

/** Outcome of one attempt. */
export interface Outcome {
  result: 'delivered' | 'failed' | 'rejected';
  /** HTTP or SMTP status. */
  statusCode?: number;
  /** Text for the target's owner; never contains a secret. */
  detail?: string;
  /** First 4 KB of the answer. */
  responseHead?: string;
  /** Time after which the receiver permits a retry, ms. */
  retryAfterMs?: number;
  /** Reason why the target is permanently unusable: it is disabled, and a push token is deleted. */
  gone?: string;
  /** Reply of the mail server that has no such mailbox. */
  bounced?: string;
  /** Fault that is probably ours or the operator's: it is logged and shown in the health of the process. */
  trouble?: { of: Service; detail: string };
  /** Operator's service that accepted the message, and so is working. */
  via?: Service;
  /** Set if the target has proven that it belongs to the user who registered it. */
  verified?: true;
}

/**
 * Beginning of the detail of an attempt whose request was sent but not answered: the target may have received the
 * message.
 */
export const NO_ANSWER = 'no answer';
/** Status of a gateway that forwarded the request to its target, which did not answer in time. */
export const GATEWAY_TIMEOUT = 504;
