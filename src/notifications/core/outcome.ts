/** What became of one attempt. */
export interface Outcome {
  result: 'delivered' | 'failed' | 'rejected';
  /** HTTP or SMTP status. */
  statusCode?: number;
  /** What an owner needs to know; never a secret. */
  detail?: string;
  /** The first 4 KB of the answer. */
  responseHead?: string;
  /** The receiver asked to wait this long. */
  retryAfterMs?: number;
  /** The target is gone for good: it is disabled, a push token is deleted. */
  gone?: string;
  /** The mail server knows no such mailbox; its words. */
  bounced?: string;
  /** The fault is likely ours, or the operator's: it is logged and shown in the health of the process. */
  trouble?: { of: 'mail' | 'fcm' | 'web_push'; detail: string };
  /** The service that took a push. */
  via?: 'fcm' | 'web_push';
  /** The target has proven that it belongs to who asked for it. */
  verified?: true;
}

/** How the detail of an attempt begins whose request was sent and not answered: its target may have got it. */
export const NO_ANSWER = 'no answer';
/** The status of a gateway that gave the request to its target, which did not answer in time. */
export const GATEWAY_TIMEOUT = 504;
