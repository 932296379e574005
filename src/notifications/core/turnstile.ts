/** Width of a turnstile: maximum numbers of concurrent pieces of work. */
export interface TurnstileWidth {
  /** Maximum number in total. */
  most: number;
  perReceiver: number;
  perUser: number;
}

/** Receiver and user for whom a piece of work is done. */
export interface Turn {
  receiver: string;
  user: string;
}

type Work = () => Promise<void>;

/** Number of pieces of work in line for each that may run, for one receiver and for one user. */
const MAX_WAITING_PER_RUNNING = 10;

/**
 * Limits concurrent work. Users take turns, and so do the receivers of each user: however much work waits for some, it does
 * not delay the work of others.
 */
export class Turnstile {
  /** Work that has not begun, by user and receiver. */
  private readonly lines = new Map<string, Map<string, Work[]>>();
  private readonly inLine = new Map<string, number>();
  private readonly receivers = new Map<string, number>();
  private readonly users = new Map<string, number>();
  private readonly running = new Set<Promise<void>>();
  private closed = false;
  /** Number of pieces of work that have not begun. */
  waiting = 0;

  constructor(private readonly width: TurnstileWidth) {}

  /** Runs the work when it is its turn; `work` must not reject. Nothing begins after `close`. */
  enter({ receiver, user }: Turn, work: Work): void {
    if (this.closed) return;
    const own = this.lines.get(user) ?? new Map<string, Work[]>();
    const line = own.get(receiver);
    if (line === undefined) own.set(receiver, [work]);
    else line.push(work);
    this.lines.set(user, own);
    this.count(user, 1);
    this.open();
  }

  /** Returns how many pieces of work of a user wait here. */
  waitingOf(user: string): number {
    return this.inLine.get(user) ?? 0;
  }

  /** Returns how many more pieces of work of a user may wait here: none after `close`. */
  roomOfUser(user: string): number {
    return this.closed ? 0 : Math.max(0, this.width.perUser * MAX_WAITING_PER_RUNNING - this.waitingOf(user));
  }

  /** Returns how many more pieces of work for a receiver of a user may wait here. */
  roomOf({ receiver, user }: Turn): number {
    const line = this.lines.get(user)?.get(receiver)?.length ?? 0;
    return Math.min(this.roomOfUser(user), Math.max(0, this.width.perReceiver * MAX_WAITING_PER_RUNNING - line));
  }

  /** Drops work that has not begun; resolves when the running work is done. */
  async close(): Promise<void> {
    this.closed = true;
    this.lines.clear();
    this.inLine.clear();
    this.waiting = 0;
    await Promise.all(this.running);
  }

  private open(): void {
    for (const [user, own] of this.lines) {
      if (this.running.size >= this.width.most) return;
      if ((this.users.get(user) ?? 0) >= this.width.perUser) continue;
      const next = this.next(own);
      if (next === undefined) continue;
      // Moves the user behind all others.
      this.lines.delete(user);
      if (own.size > 0) this.lines.set(user, own);
      this.count(user, -1);
      this.run({ receiver: next.receiver, user }, next.work);
    }
  }

  /** Takes the next piece of work of a user, and moves its receiver behind the user's others. */
  private next(own: Map<string, Work[]>): { receiver: string; work: Work } | undefined {
    for (const [receiver, line] of own) {
      if ((this.receivers.get(receiver) ?? 0) >= this.width.perReceiver) continue;
      const work = line.shift();
      own.delete(receiver);
      if (line.length > 0) own.set(receiver, line);
      if (work !== undefined) return { receiver, work };
    }
    return undefined;
  }

  private count(user: string, by: number): void {
    this.waiting += by;
    add(this.inLine, user, by);
  }

  private run({ receiver, user }: Turn, work: Work): void {
    add(this.receivers, receiver, 1);
    add(this.users, user, 1);
    const running = work().finally(() => {
      add(this.receivers, receiver, -1);
      add(this.users, user, -1);
      this.running.delete(running);
      if (!this.closed) this.open();
    });
    this.running.add(running);
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
