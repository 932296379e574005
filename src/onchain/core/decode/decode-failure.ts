/** Reasons why a log of a watched contract has no event; each makes it a dead letter. */
export type DecodeFault =
  /** Block, hash, position or time of the log is missing or no such thing. */
  | 'bad_log'
  /** The event has no variant with that number of topics. */
  | 'topic_count'
  /** Data ends before the last argument. */
  | 'short_data'
  /** Topics or data are not whole bytes in hexadecimal. */
  | 'bad_data'
  /** An address is wider than 20 bytes, or has other characters than digits. */
  | 'dirty_address'
  /** Ids and amounts of a batch are not equally many. */
  | 'unequal_lists'
  /** A range of tokens ends before it begins. */
  | 'backward_range'
  /** A range of tokens ends above 2^256 − 1. */
  | 'token_id_overflow'
  /** More tokens than `MAX_BATCH_QUANTITY` in one event. */
  | 'batch_too_large';

/** Log of a watched contract that cannot be read. */
export interface DecodeFailure {
  readonly code: DecodeFault;
  readonly detail: string;
}

/** Fails with a code and a sentence for the operator. */
export function decodeFailure(code: DecodeFault, detail: string): DecodeFailure {
  return { code, detail };
}

/** Tells a failure from an event. */
export function isDecodeFailure(result: object): result is DecodeFailure {
  return 'code' in result;
}
