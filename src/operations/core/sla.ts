/** Objective: share of good minutes, and 95th percentile from commit to client, ms, that a good minute stays below. */
export const SLA = { availability: 0.999, maxP95Ms: 100 } as const;

const MINUTE_MS = 60_000;

/** Minutes that a probe measured in one month of UTC. */
export interface MeasuredMonth {
  /** `YYYY-MM`. */
  readonly month: string;
  readonly good: number;
  /** Minutes with a failed connect. */
  readonly failed: number;
  /** Minutes without a failed connect whose p95 was too high, or in which nothing arrived. */
  readonly slow: number;
}

/** Good and bad minutes of a month, as far as it lies within the range. */
interface SlaMonth extends MeasuredMonth {
  readonly minutes: number;
  /** Minutes without a row: the probe or the database did not run. */
  readonly unmeasured: number;
  readonly bad: number;
  /** Share of good minutes, from 0 to 1, rounded down to six digits; null in a month without minutes. */
  readonly availability: number | null;
  readonly isMet: boolean;
}

export interface SlaReport {
  /** Whole minutes, ISO 8601; `to` is excluded. */
  readonly from: string;
  readonly to: string;
  readonly objective: typeof SLA;
  readonly total: Omit<SlaMonth, 'month'>;
  readonly months: readonly SlaMonth[];
}

/** Returns the minutes that lie wholly within a range of Unix ms, as range of Unix ms. */
export function wholeMinutes(from: number, to: number): { from: number; to: number } {
  return { from: Math.ceil(from / MINUTE_MS) * MINUTE_MS, to: Math.floor(to / MINUTE_MS) * MINUTE_MS };
}

/** Makes the report of a range of whole minutes. A month of the range that was not measured at all is bad as a whole. */
export function slaReport(from: number, to: number, measured: readonly MeasuredMonth[]): SlaReport {
  const found = new Map(measured.map((month) => [month.month, month]));
  const months: SlaMonth[] = [];
  for (let start = from; start < to;) {
    const day = new Date(start);
    const end = Math.min(to, Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1));
    const month = day.toISOString().slice(0, 7);
    const counts = found.get(month) ?? { month, good: 0, failed: 0, slow: 0 };
    months.push({ month, ...judged(counts, (end - start) / MINUTE_MS) });
    start = end;
  }
  const sum = (field: 'good' | 'failed' | 'slow' | 'minutes'): number =>
    months.reduce((total, month) => total + month[field], 0);
  const total = judged({ good: sum('good'), failed: sum('failed'), slow: sum('slow') }, sum('minutes'));
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString(), objective: SLA, total, months };
}

function judged({ good, failed, slow }: Omit<MeasuredMonth, 'month'>, minutes: number): Omit<SlaMonth, 'month'> {
  const availability = minutes === 0 ? null : Math.floor((good / minutes) * 1e6) / 1e6;
  const unmeasured = minutes - good - failed - slow;
  return {
    good,
    failed,
    slow,
    minutes,
    unmeasured,
    bad: minutes - good,
    availability,
    isMet: minutes > 0 && good >= minutes * SLA.availability,
  };
}

/** Writes the report as text, a line for each month and one for all. */
export function slaText({ from, to, months, total }: SlaReport): string {
  const head = ['month', 'good', 'bad', 'failed', 'slow', 'unmeasured', 'available', 'objective'];
  const lines = [...months, { month: 'total', ...total }].map((row) => [
    row.month,
    ...[row.good, row.bad, row.failed, row.slow, row.unmeasured].map(String),
    row.availability === null ? '-' : `${(row.availability * 100).toFixed(4)} %`,
    row.isMet ? 'met' : 'missed',
  ]);
  const table = [head, ...lines].map((cells) =>
    cells
      .map((cell) => cell.padEnd(11))
      .join(' ')
      .trimEnd(),
  );
  return [`Minutes from ${from} to ${to}`, '', ...table].join('\n');
}
