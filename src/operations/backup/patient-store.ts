import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailable, type BackupStore, type StoredObject } from './backup-store.js';

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 15_000;

interface Patience {
  /** Longest wait for an unavailable store, ms. */
  readonly limitMs: number;
  /** Whether every failure counts as one that may pass: a full disk can be emptied, a right be given. */
  readonly everyFailure?: boolean;
  readonly stop?: AbortSignal;
  say(line: string): void;
}

/** Store that repeats what failed because the store was unavailable. Says once that it waits, and once that it goes on. */
export class PatientStore implements BackupStore {
  /** Number of requests that wait for the store. */
  private waiting = 0;

  constructor(
    private readonly store: BackupStore,
    private readonly patience: Patience,
  ) {}

  get description(): string {
    return this.store.description;
  }

  put(name: string, content: Buffer): Promise<void> {
    return this.repeat(() => this.store.put(name, content));
  }

  get(name: string): Promise<Buffer | undefined> {
    return this.repeat(() => this.store.get(name));
  }

  list(prefix: string): Promise<StoredObject[]> {
    return this.repeat(() => this.store.list(prefix));
  }

  remove(name: string): Promise<void> {
    return this.repeat(() => this.store.remove(name));
  }

  private async repeat<T>(ask: () => Promise<T>): Promise<T> {
    const { limitMs, everyFailure = false, stop, say } = this.patience;
    let isWaiting = false;
    const end = Date.now() + limitMs;
    try {
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2)) {
        try {
          const answer = await ask();
          if (isWaiting && this.waiting === 1) say(`${this.description} is available again`);
          return answer;
        } catch (error) {
          const mayPass = everyFailure || error instanceof StoreUnavailable;
          if (!mayPass || Date.now() + pauseMs > end || stop?.aborted) throw error;
          if (!isWaiting && this.waiting++ === 0) say(`${messageOf(error)}; trying again`);
          isWaiting = true;
        }
        await sleep(pauseMs, undefined, stop === undefined ? {} : { signal: stop });
      }
    } finally {
      if (isWaiting) this.waiting--;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
