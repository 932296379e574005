/** Running service, and the keys with which an attack may call it. */
export interface Victim {
  readonly url: string;
  readonly port: number;
  /** Keys of one user of the free tier. */
  readonly freeKeys: readonly string[];
}

/** Number of requests, messages or connections of an attack, and number of those that were refused. */
interface AttackCount {
  sent: number;
  refused: number;
  /** Number of responses by status or close code. */
  readonly answers: Record<string, number>;
}

export interface Attack {
  /** Name under which the figures are printed. */
  readonly name: string;
  /** Description in plain words. */
  readonly does: string;
  /** Attacks at most until `end` (Unix ms); all test runs use a short time. */
  run(victim: Victim, end: number): Promise<AttackCount>;
}

export class Counter implements AttackCount {
  sent = 0;
  refused = 0;
  readonly answers: Record<string, number> = {};

  note(answer: string | number, isRefusal: boolean): void {
    this.sent += 1;
    if (isRefusal) this.refused += 1;
    this.answers[answer] = (this.answers[answer] ?? 0) + 1;
  }
}

/** Repeats the work, `atOnce` at a time, until the end. */
export async function repeat(end: number, atOnce: number, work: () => Promise<void>): Promise<void> {
  const worker = async (): Promise<void> => {
    while (Date.now() < end) await work();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
