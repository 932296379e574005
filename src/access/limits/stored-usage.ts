/** Amounts that the server stores for a user. */
export interface Stored {
  alertRules: number;
  /** Bytes of messages, their attempts and the history of alerts. */
  storedBytes: number;
}

/** Counts what the server stores for a user. Provided by the module that stores rules: this module only shows the numbers. */
export abstract class StoredUsage {
  abstract of(userId: string): Promise<Stored>;
}
