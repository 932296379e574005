const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const RELATIVE = /^now(?:-(\d{1,5})([mhdw]))?$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
/**
 * Pattern of a time with a zone: day, time of the day, offset. A time without a zone is refused: its meaning would depend on
 * the server's location.
 */
const ISO = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)$/;
/** Times of a day: 24:00 and the second 60 would be times of the next minute, which have a name already. */
const TIME_OF_DAY = /^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?$/;
/** Offsets of zones: at most 14 hours, as in `Pacific/Kiritimati`. */
const OFFSET = /^(?:Z|[+-](?:(?:0\d|1[0-3]):?[0-5]\d|14:?00))$/;
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
  /** Whether a date without a time is accepted; `2026-11-20` then means the start of that day in UTC. */
  readonly days?: boolean;
  /** Whether `now` and `now-7d` (units m, h, d, w) are accepted. */
  readonly relative?: boolean;
  /** Whether a string of digits is accepted; it is Unix milliseconds. */
  readonly digits?: boolean;
  /** Whether JSON numbers are accepted; they are Unix milliseconds. */
  readonly numbers?: boolean;
}

/** Forms of the start or end of a range. */
export const RANGE_FORMS: TimeForms = { days: true, relative: true, digits: true };

/** Time in Unix milliseconds, or the message that names the accepted forms. */
type TimeReading = { readonly at: number } | { readonly fault: string };

/** Parses a time that a client sent; it must be in the years 1970 to 2999. All client times pass through this function. */
export function readTime(value: unknown, now: number, forms: TimeForms = {}): TimeReading {
  if (typeof value === 'number') return forms.numbers === true ? ofNumber(value, forms) : fault(forms);
  if (typeof value !== 'string') return fault(forms);
  const relative = forms.relative === true ? RELATIVE.exec(value) : null;
  if (relative) return { at: Math.max(0, now - Number(relative[1] ?? 0) * (UNITS_MS[relative[2] ?? ''] ?? 0)) };
  if (NUMBER.test(value)) {
    if (Number(value) < SECONDS_BELOW) return fault(forms, `${value} looks like Unix seconds`);
    return forms.digits === true && DIGITS.test(value) ? inRange(Number(value), forms) : fault(forms);
  }
  if (WITHOUT_ZONE.test(value)) return fault(forms, `${value} has no zone`);
  return forms.days === true && DAY.test(value) ? ofDay(value, forms) : ofIso(value, forms);
}

/** Returns a text as Unix milliseconds; undefined if it has none of the forms that ranges accept. */
export function parseTime(text: string, now: number): number | undefined {
  const reading = readTime(text, now, RANGE_FORMS);
  return 'at' in reading ? reading.at : undefined;
}

/** Converts a time that `IsMoment` or `IsTime` has validated to a `Date` for the database; null if the client sent none. */
export function timeGiven(text: string | undefined, now: number): Date | null {
  const at = text === undefined ? undefined : parseTime(text, now);
  return at === undefined ? null : new Date(at);
}

/** Returns a time, Unix milliseconds, in the form of answers and of parameters of statements: ISO 8601 in UTC with milliseconds. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

function ofNumber(value: number, forms: TimeForms): TimeReading {
  if (value >= 0 && value < SECONDS_BELOW) return fault(forms, `${value} looks like Unix seconds`);
  return inRange(value, forms);
}

function ofIso(value: string, forms: TimeForms): TimeReading {
  const [found, day = '', time = '', offset = ''] = ISO.exec(value) ?? [];
  if (found === undefined) return fault(forms);
  if (!isDay(day)) return noDay(day);
  if (!TIME_OF_DAY.test(time)) return fault(forms, `the time ${time} does not exist`);
  if (!OFFSET.test(offset)) return fault(forms, `the UTC offset ${offset} does not exist`);
  return inRange(Date.parse(`${day}T${time}${offset.replace(/^(...)(\d\d)$/, '$1:$2')}`), forms);
}

function ofDay(day: string, forms: TimeForms): TimeReading {
  return isDay(day) ? inRange(Date.parse(day), forms) : noDay(day);
}

/** Whether the day exists: `Date.parse` reads 30 February as 2 March. */
function isDay(day: string): boolean {
  const midnight = Date.parse(day);
  return !Number.isNaN(midnight) && isoTime(midnight).startsWith(day);
}

function noDay(day: string): TimeReading {
  return { fault: `must be a day of the calendar; ${day} does not exist` };
}

function inRange(at: number, forms: TimeForms): TimeReading {
  if (Number.isNaN(at)) return fault(forms);
  return at >= 0 && at < END_UNIX_MS ? { at } : { fault: 'must be a time of the years 1970 to 2999' };
}

function fault(forms: TimeForms, why?: string): TimeReading {
  const accepted = [
    'ISO 8601 with a zone, such as 2026-11-20T10:00:00Z',
    ...(forms.days === true ? ['a day'] : []),
    ...(forms.relative === true ? ['now-7d (m, h, d, w)'] : []),
    ...(forms.numbers === true || forms.digits === true ? ['Unix milliseconds'] : []),
  ];
  return { fault: `must be ${accepted.join(', or ')}${why === undefined ? '' : `; ${why}`}` };
}
