import type { Lane } from './worker-task.js';

/** Task that waits for its turn. */
export interface Waiting {
  readonly key: string;
  readonly lane: Lane;
  readonly start: () => void;
}

interface FairTurnsOptions {
  /** Number of tasks that run at the same time. */
  readonly slots: number;
  /** Number of tasks of one key that may wait. */
  readonly maxWaitingOfKey: number;
  /** Number of tasks that may wait in total. */
  readonly maxWaiting: number;
}

/** Spent CPU time up to which an idle key is removed, ms. */
const NEGLIGIBLE_CPU_MS = 1;
/** Time in which half of a key's spent time decays, ms. */
const HALF_LIFE_MS = 30_000;

interface Account {
  readonly waiting: Record<Lane, Waiting[]>;
  running: number;
  /** CPU time spent, decayed until `at`, ms. */
  spent: number;
  at: number;
}

/**
 * Fair queue for a few slots: the key that has spent the least CPU time is next. No key occupies all slots, even if no other
 * key waits, and long tasks leave one slot free for short ones. Pure: the caller passes the time.
 */
export class FairTurns {
  private readonly accounts = new Map<string, Account>();
  private readonly running: Record<Lane, number> = { short: 0, long: 0 };
  private waitingCount = 0;

  constructor(private readonly options: FairTurnsOptions) {}

  get waiting(): number {
    return this.waitingCount;
  }

  /** Starts the task now or queues it; returns false if it is refused because too many tasks wait. */
  add(work: Waiting, now: number): boolean {
    const account = this.account(work.key, now);
    const ofKey = account.waiting.short.length + account.waiting.long.length;
    if (ofKey >= this.options.maxWaitingOfKey || this.waitingCount >= this.options.maxWaiting) {
      this.forget(work.key, account);
      return false;
    }
    account.waiting[work.lane].push(work);
    this.waitingCount += 1;
    this.startNext(now);
    return true;
  }

  /** Removes a waiting task; returns false if the task has started already. */
  remove(work: Waiting): boolean {
    const account = this.accounts.get(work.key);
    const queue = account?.waiting[work.lane];
    const index = queue?.indexOf(work) ?? -1;
    if (account === undefined || queue === undefined || index < 0) return false;
    queue.splice(index, 1);
    this.waitingCount -= 1;
    this.forget(work.key, account);
    return true;
  }

  /** Records the end of a task and the CPU time it took. */
  end({ key, lane }: Waiting, cpuMs: number, now: number): void {
    const account = this.account(key, now);
    account.running -= 1;
    account.spent = decayed(account, now) + cpuMs;
    account.at = now;
    this.running[lane] -= 1;
    this.forget(key, account);
    this.startNext(now);
  }

  private startNext(now: number): void {
    for (let next = this.next(now); next !== undefined; next = this.next(now)) {
      const { work, account } = next;
      account.waiting[work.lane].shift();
      account.running += 1;
      this.running[work.lane] += 1;
      this.waitingCount -= 1;
      work.start();
    }
  }

  private next(now: number): { work: Waiting; account: Account } | undefined {
    let best: { work: Waiting; account: Account; spent: number } | undefined;
    for (const account of this.accounts.values()) {
      const work = this.startable(account);
      if (work === undefined) continue;
      const spent = decayed(account, now);
      if (best === undefined || spent < best.spent) best = { work, account, spent };
    }
    return best;
  }

  private startable(account: Account): Waiting | undefined {
    const { slots } = this.options;
    if (this.running.short + this.running.long >= slots) return undefined;
    if (account.running >= Math.max(1, slots - 1)) return undefined;
    const [short] = account.waiting.short;
    if (short !== undefined) return short;
    return this.running.long < Math.max(1, slots - 1) ? account.waiting.long[0] : undefined;
  }

  private account(key: string, now: number): Account {
    let account = this.accounts.get(key);
    if (account === undefined) {
      account = { waiting: { short: [], long: [] }, running: 0, spent: 0, at: now };
      this.accounts.set(key, account);
      this.sweep(now);
    }
    return account;
  }

  private forget(key: string, account: Account): void {
    if (isIdle(account) && account.spent <= NEGLIGIBLE_CPU_MS) this.accounts.delete(key);
  }

  /** Removes keys that have been idle for long when a key is added, so that the map does not grow with every key. */
  private sweep(now: number): void {
    if (this.accounts.size < 1_000) return;
    for (const [key, account] of this.accounts) {
      if (isIdle(account) && decayed(account, now) <= NEGLIGIBLE_CPU_MS) this.accounts.delete(key);
    }
  }
}

function isIdle({ waiting, running }: Account): boolean {
  return running === 0 && waiting.short.length === 0 && waiting.long.length === 0;
}

function decayed({ spent, at }: Account, now: number): number {
  return spent * 2 ** (-Math.max(0, now - at) / HALF_LIFE_MS);
}
