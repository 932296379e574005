const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const RELATIVE = /^now(?:-(\d{1,5})([mhdw]))?$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
/**
 * Pattern of a time with a zone, whose distance from UTC the database accepts. A time without a zone is refused: its meaning
 * would depend on the server's location.
 */
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-5]):?[0-5]\d)$/;
const WITHOUT_ZONE = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/;
const NUMBER = /^\d{1,20}(?:\.\d+)?$/;
const DIGITS = /^\d+$/;
/**
 * Upper bound of numbers that are refused because they look like Unix seconds: read as seconds they reach the year 5138; as
 * milliseconds, such numbers would be times before March 1973.
 */
const SECONDS_BELOW = 100_000_000_000;
/** Start of the year 3000 in Unix milliseconds; the tables store only times before it. */
const END_UNIX_MS = 32_503_680_000_000;

/** Forms of time that a field accepts in addition to ISO 8601 with a zone. */
export interface TimeForms {
  /**
   * Whether the field accepts forms for ranges: whole days (`2026-11-20` is its start in UTC), `now`, `now-7d` (units m, h,
   * d, w), and Unix milliseconds as a string of digits.
   */
  readonly ranges?: boolean;
  /** Whether JSON numbers are accepted; they are Unix milliseconds. */
  readonly milliseconds?: boolean;
}

/** Time in Unix milliseconds, or the message that names the accepted forms. */
type TimeReading = { readonly at: number } | { readonly fault: string };

/** Parses a time that a client sent; it must be in the years 1970 to 2999. All client times pass through this function. */
export function readTime(value: unknown, now: number, forms: TimeForms = {}): TimeReading {
  if (typeof value === 'number') return forms.milliseconds === true ? ofNumber(value) : fault(forms);
  if (typeof value !== 'string') return fault(forms);
  if (forms.ranges === true) {
    const relative = RELATIVE.exec(value);
    if (relative) return { at: Math.max(0, now - Number(relative[1] ?? 0) * (UNITS_MS[relative[2] ?? ''] ?? 0)) };
  }
  if (NUMBER.test(value)) {
    if (Number(value) < SECONDS_BELOW) return { fault: `${mustBe(forms)}; ${value} looks like Unix seconds` };
    return forms.ranges === true && DIGITS.test(value) ? inRange(Number(value), forms) : fault(forms);
  }
  if (WITHOUT_ZONE.test(value)) return { fault: `${mustBe(forms)}; ${value} has no zone` };
  if (!ISO.test(value) && !(forms.ranges === true && DAY.test(value))) return fault(forms);
  if (!isDay(value.slice(0, 10)))
    return { fault: `must be a day of the calendar; ${value.slice(0, 10)} does not exist` };
  return inRange(Date.parse(value), forms);
}

/** Returns a text as Unix milliseconds; undefined if it has none of the forms that `readTime` accepts for ranges. */
export function parseTime(text: string, now: number): number | undefined {
  const reading = readTime(text, now, { ranges: true });
  return 'at' in reading ? reading.at : undefined;
}

/** Converts a time that `IsMoment` or `IsTime` has validated to a `Date` for the database; null if the client sent none. */
export function timeGiven(text: string | undefined, now: number): Date | null {
  const at = text === undefined ? undefined : parseTime(text, now);
  return at === undefined ? null : new Date(at);
}

function ofNumber(value: number): TimeReading {
  if (value >= 0 && value < SECONDS_BELOW) {
    return { fault: `must be Unix milliseconds or ISO 8601; ${value} looks like Unix seconds` };
  }
  return inRange(value, { milliseconds: true });
}

function inRange(at: number, forms: TimeForms): TimeReading {
  if (Number.isNaN(at)) return fault(forms);
  return at >= 0 && at < END_UNIX_MS ? { at } : { fault: 'must be a time of the years 1970 to 2999' };
}

function fault(forms: TimeForms): TimeReading {
  return { fault: mustBe(forms) };
}

function mustBe({ ranges, milliseconds }: TimeForms): string {
  const forms = [
    'ISO 8601 with a zone, such as 2026-11-20T10:00:00Z',
    ...(ranges === true ? ['a day', 'now-7d (m, h, d, w)'] : []),
    ...(milliseconds === true || ranges === true ? ['Unix milliseconds'] : []),
  ];
  return `must be ${forms.join(', or ')}`;
}

/** Whether the day exists: `Date.parse` reads 30 February as 2 March. */
function isDay(date: string): boolean {
  const midnight = Date.parse(date);
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(date);
}
