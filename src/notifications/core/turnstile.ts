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

/**
 * Limits concurrent work. Receivers take turns, so that work waiting for one receiver does not delay work for the others.
 */
export class Turnstile {
  private readonly lines = new Map<string, { user: string; works: Work[] }>();
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
    const line = this.lines.get(receiver);
    if (line === undefined) this.lines.set(receiver, { user, works: [work] });
    else line.works.push(work);
    this.waiting += 1;
    this.open();
  }

  /** Drops work that has not begun; resolves when the running work is done. */
  async close(): Promise<void> {
    this.closed = true;
    this.lines.clear();
    this.waiting = 0;
    await Promise.all(this.running);
  }

  private open(): void {
    for (const [receiver, line] of this.lines) {
      if (this.running.size >= this.width.most) return;
      if ((this.receivers.get(receiver) ?? 0) >= this.width.perReceiver) continue;
      if ((this.users.get(line.user) ?? 0) >= this.width.perUser) continue;
      const work = line.works.shift();
      this.lines.delete(receiver);
      if (work === undefined) continue;
      // Moves the receiver behind all others.
      if (line.works.length > 0) this.lines.set(receiver, line);
      this.waiting -= 1;
      this.run({ receiver, user: line.user }, work);
    }
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
