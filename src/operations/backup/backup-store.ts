/** Object of a store. Names are paths of letters, digits and `. _ - /`. */
export interface StoredObject {
  readonly name: string;
  readonly bytes: number;
  /** Time of the last write by the clock of the store, Unix ms. */
  readonly modified: number;
}

/** Place that keeps backups: a directory or a bucket. An object is either whole or not there. */
export interface BackupStore {
  /** Name for people, without secrets. */
  readonly description: string;
  /** Resolves when the object survives a loss of power; replaces an object of that name. */
  put(name: string, content: Buffer): Promise<void>;
  /** Returns undefined if there is no such object. */
  get(name: string): Promise<Buffer | undefined>;
  /** Returns the objects whose names begin with `prefix`, in the order of their names. */
  list(prefix: string): Promise<StoredObject[]>;
  /** Removes an object; one that is not there is no error. */
  remove(name: string): Promise<void>;
}

/** Failure of a store that may pass: a lost connection, an overload. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}
