/** Pauses of a background loop. */
export interface LoopPauses {
  /** Pause between the end of a run and the start of the next, ms, unless the run returns another. */
  intervalMs: number;
  /**
   * Pauses after failures, ms: `minMs` after the first, doubled after each further one in a row, up to `maxMs`. A ring does
   * not shorten them. Without it, the loop pauses for `intervalMs` after a failure, too.
   */
  retry?: { readonly minMs: number; readonly maxMs: number } | undefined;
  /** Random deviation of every pause in either direction, as a share of it; default 0. */
  jitter?: number | undefined;
}

/** Pause after a run of a loop, and the change that the run made visible. */
export interface Pace {
  /** Pause until the next run, ms; `Infinity`: until `ring()` is called. */
  readonly pauseMs: number;
  /** Whether `ring()` ends the pause early; false for a pause before a retry with its own schedule. */
  readonly ringable: boolean;
  /** Present if the loop began to fail, or succeeds again. */
  readonly change?: 'failing' | 'recovered';
}

/** Decides the pause after each run of a loop, and which runs are worth a log line. */
export class LoopPace {
  private failures = 0;

  constructor(
    private readonly pauses: LoopPauses,
    private readonly random: () => number = Math.random,
  ) {}

  /** Returns what follows a successful run that asked for the pause `nextMs`. */
  succeeded(nextMs = this.pauses.intervalMs): Pace {
    const pace: Pace = { pauseMs: this.varied(nextMs), ringable: true };
    if (this.failures === 0) return pace;
    this.failures = 0;
    return { ...pace, change: 'recovered' };
  }

  failed(): Pace {
    const { intervalMs, retry } = this.pauses;
    const pauseMs = retry ? Math.min(retry.maxMs, retry.minMs * 2 ** Math.min(this.failures, 30)) : intervalMs;
    const pace: Pace = { pauseMs: this.varied(pauseMs), ringable: retry === undefined };
    return this.failures++ === 0 ? { ...pace, change: 'failing' } : pace;
  }

  private varied(ms: number): number {
    const { jitter = 0 } = this.pauses;
    return jitter === 0 ? ms : ms * (1 + jitter * (2 * this.random() - 1));
  }
}
