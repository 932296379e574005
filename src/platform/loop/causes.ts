/** Work in progress or just ended: a request, a message, a job. The name may be known only later, as a request's route is. */
export interface Work {
  readonly cause: string | (() => string);
  readonly begun: number;
}

interface Stretch {
  cause: Work['cause'];
  ms: number;
  /** Time of its end. */
  at: number;
}

/** Shortest stretch of synchronous work that is kept, ms. */
const NOTABLE_TURN_MS = 2;
const MAX_ENDED = 64;
const MAX_NAMED = 3;

/** Finds the cause of a long turn among the named and measured work. */
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

  /** Records a stretch of synchronous work that has ended. */
  note(cause: Work['cause'], ms: number, now: number): void {
    if (ms < NOTABLE_TURN_MS || (this.longest !== undefined && this.longest.ms > ms)) return;
    this.longest = { cause, ms, at: now };
  }

  /**
   * Returns the cause of a turn of `ms` between two times: the stretch that fills half of it, else the work in progress, the
   * newest first; `otherwise` if there was none. Drops earlier records.
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

  /** Drops old records; to be called between turns that are not examined. */
  forget(): void {
    this.longest = undefined;
  }
}

function nameOf(cause: Work['cause']): string {
  return typeof cause === 'string' ? cause : cause();
}
