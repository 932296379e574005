/** Work under way or just ended: a request, a message, a job. The name may be known only later, as a request's route is. */
export interface Work {
  readonly cause: string | (() => string);
  readonly begun: number;
}

interface Stretch {
  cause: Work['cause'];
  ms: number;
  /** When it ended. */
  at: number;
}

/** Stretches of synchronous work shorter than this are not kept, milliseconds. */
const NOTABLE_MS = 2;
const MAX_ENDED = 64;
const MAX_NAMED = 3;

/** Names what a long turn was busy with, from what admission named and what was measured. */
export class Causes {
  private readonly active = new Set<Work>();
  private readonly ended: { work: Work; at: number }[] = [];
  private longest: Stretch | undefined;

  begin(cause: Work['cause'], now: number): Work {
    const work = { cause, begun: now };
    this.active.add(work);
    return work;
  }

  end(work: Work, now: number): void {
    if (!this.active.delete(work)) return;
    this.ended.push({ work, at: now });
    if (this.ended.length > MAX_ENDED) this.ended.shift();
  }

  /** A stretch of synchronous work has ended. */
  note(cause: Work['cause'], ms: number, now: number): void {
    if (ms < NOTABLE_MS || (this.longest !== undefined && this.longest.ms > ms)) return;
    this.longest = { cause, ms, at: now };
  }

  /**
   * The cause of a turn of `ms` that lay between two times: the stretch that fills half of it, else the work that was under way,
   * the newest first; `otherwise` when there was none. Forgets what lies before.
   */
  of(ms: number, from: number, otherwise = 'unknown'): string {
    const { longest } = this;
    this.forget();
    if (longest !== undefined && longest.at >= from && longest.ms >= ms / 2) return nameOf(longest.cause);
    const works = [...this.active, ...this.ended.filter(({ at }) => at >= from).map(({ work }) => work)];
    works.sort((a, b) => b.begun - a.begun);
    const names = [...new Set(works.map(({ cause }) => nameOf(cause)))].slice(0, MAX_NAMED);
    return names.length === 0 ? otherwise : names.join(' | ');
  }

  /** To be called between turns that are not looked into. */
  forget(): void {
    this.longest = undefined;
  }
}

function nameOf(cause: Work['cause']): string {
  return typeof cause === 'string' ? cause : cause();
}
