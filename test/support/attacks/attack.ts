/** A running service and the callers that an attack may speak as. */
export interface Victim {
  readonly url: string;
  readonly port: number;
  /** Keys of one user of the free tier. */
  readonly freeKeys: readonly string[];
}

/** Requests, messages or connections of an attack, and how many of them were refused. */
export interface AttackCount {
  sent: number;
  refused: number;
  /** What the service answered, by status or close code. */
  readonly answers: Record<string, number>;
}

export interface Attack {
  /** Under which its figures are printed. */
  readonly name: string;
  /** In plain words. */
  readonly does: string;
  /** Attacks until `end` (Unix ms) at most; the short form is for every run of the tests. */
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

/** Runs the work again and again, a few at a time, until the end. */
export async function repeat(end: number, atOnce: number, work: () => Promise<void>): Promise<void> {
  const worker = async (): Promise<void> => {
    while (Date.now() < end) await work();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
