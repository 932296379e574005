import { IANAZone } from 'luxon';
import { DAYS, type Day, type QuietHours } from './preferences.js';

const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
/** Weekday of 1970-01-01, the start of Unix time. */
const FIRST_DAY = DAYS.indexOf('thu');

/** Returns the error of quiet hours and the member that has it; undefined if they are valid. */
export function quietHoursFault(quiet: QuietHours): { field: keyof QuietHours; detail: string } | undefined {
  const { start, end, timezone, days } = quiet;
  for (const [field, time] of Object.entries({ start, end })) {
    if (!isTimeOfDay(time))
      return { field: field === 'start' ? 'start' : 'end', detail: 'must be a time such as 22:30' };
  }
  if (!isZone(timezone)) return { field: 'timezone', detail: 'must be a time zone such as Europe/Berlin' };
  if (days !== undefined && !(days.length > 0 && days.every((day) => DAYS.includes(day)))) {
    return { field: 'days', detail: `must be some of ${DAYS.join(', ')}` };
  }
  if (start !== end || isSome(days)) return undefined;
  return { field: 'end', detail: 'must differ from start; to send no messages, switch them off in channels' };
}

export function isTimeOfDay(time: unknown): boolean {
  return typeof time === 'string' && TIME.test(time);
}

/**
 * Whether a value is a time zone name. Offsets are refused: they have no summer time, so quiet hours would be an hour
 * wrong for half of the year.
 */
export function isZone(zone: unknown): boolean {
  return typeof zone === 'string' && !/^[+-]/.test(zone) && IANAZone.isValidZone(zone);
}

/**
 * Returns `at` if it is outside quiet hours, otherwise the first moment whose local time is in no window: the end of a
 * window, or a clock change that skips the rest of one. A local minute that occurs twice is treated equally both times.
 */
export function afterQuietHours(quiet: QuietHours, at: Date): Date {
  const zone = IANAZone.create(quiet.timezone);
  let moment = at.getTime();
  for (;;) {
    const wall = moment + zone.offset(moment) * MINUTE_MS;
    const left = minutesLeft(quiet, Math.floor(wall / MINUTE_MS));
    if (left === 0) return moment === at.getTime() ? at : new Date(moment);
    const end = moment - (wall % MINUTE_MS) + left * MINUTE_MS;
    moment = clockChange(zone, moment, end) ?? end;
  }
}

/**
 * Returns the minutes until the end of the window that contains a local minute (counted from 1970 in local time); 0 if
 * none contains it.
 */
function minutesLeft({ start, end, days }: QuietHours, wallMinute: number): number {
  if (start === end && !isSome(days)) return 0;
  const date = Math.floor(wallMinute / DAY_MINUTES);
  const minute = wallMinute - date * DAY_MINUTES;
  const [from, to] = [minuteOf(start), minuteOf(end)];
  if (from < to) return minute >= from && minute < to && isOn(days, date) ? to - minute : 0;
  if (minute >= from && isOn(days, date)) return DAY_MINUTES - minute + to;
  return minute < to && isOn(days, date - 1) ? to - minute : 0;
}

function isOn(days: readonly Day[] | undefined, date: number): boolean {
  const day = DAYS[(date + FIRST_DAY) % DAYS.length];
  return days === undefined || (day !== undefined && days.includes(day));
}

/** Whether at least one day has no quiet hours. */
function isSome(days: readonly Day[] | undefined): boolean {
  return days !== undefined && !DAYS.every((day) => days.includes(day));
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

/** Returns the time of a clock change between two moments of one day; undefined if there is none. */
export function clockChange(zone: IANAZone, from: number, to: number): number | undefined {
  const offset = zone.offset(from);
  if (zone.offset(to) === offset) return undefined;
  let [before, after] = [from, to];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (zone.offset(middle) === offset) before = middle;
    else after = middle;
  }
  return after;
}
