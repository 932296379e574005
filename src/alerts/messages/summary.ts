import { figure, headline, listed, unitOf, unitOfField } from '../../notifications/core/index.js';
import { isoTime } from '../../platform/input/time.js';
import { thresholdOf, typeOf, type HeldBack } from '../core/index.js';
import type { StatedCondition } from './sentence.js';

/** Maximum length of the list of subjects in a sentence, UTF-16 code units: short enough for a phone. */
const MAX_LINE_LENGTH = 180;

/** Firing that a throttle held back, as an entry in messages. */
interface SummarySubject {
  protocol?: string;
  chain?: string;
  token?: string;
  account?: string;
  value: number | null;
  /** Time at which the subject last began to hold, ISO 8601. */
  at: string;
  times: number;
  /** Set if the subject no longer holds. */
  ended?: true;
  /** Text such as `aave-v3 −90 % at 2026-11-29 17:55:12 UTC`. */
  text: string;
}

/** Returns the subjects of a summary, furthest from the threshold first; of equal distance, oldest first. */
export function summarySubjects(
  heldBack: readonly HeldBack[],
  condition: StatedCondition | undefined,
): SummarySubject[] {
  return heldBack
    .toSorted((one, other) => excess(other, condition) - excess(one, condition))
    .map((held) => {
      const { protocol, chain, token, account, value, at, times, ended } = held;
      const time = isoTime(at);
      const name = nameOf(held, condition);
      const often = times === 1 ? '' : `, ${times} times`;
      return {
        ...(protocol === null ? {} : { protocol }),
        ...(chain === null ? {} : { chain }),
        ...(token === null ? {} : { token }),
        ...(account === undefined ? {} : { account }),
        value,
        at: time,
        times,
        ...(ended === undefined ? {} : { ended }),
        text: `${name} at ${time.slice(0, 19).replace('T', ' ')} UTC${often}`,
      };
    });
}

/** Returns the subjects in one line: `aave-v3 −90 %, curve −50 % and 2 more`; empty if there are none. */
export function namedSubjects(
  heldBack: readonly HeldBack[],
  condition: StatedCondition | undefined,
  all: number,
): string {
  const sorted = heldBack.toSorted((one, other) => excess(other, condition) - excess(one, condition));
  const names = [...new Set(sorted.map((held) => nameOf(held, condition)))];
  const { items } = listed(names, MAX_LINE_LENGTH);
  const shown = new Set(names.slice(0, items.length));
  const more = sorted.filter((held) => !shown.has(nameOf(held, condition))).length + unnamed(heldBack, all);
  return items.join(', ') + (more > 0 && items.length > 0 ? ` and ${more} more` : '');
}

/** Returns the number of firings that no entry of `heldBack` represents. */
export function unnamed(heldBack: readonly HeldBack[], all: number): number {
  return Math.max(0, all - heldBack.reduce((sum, { times }) => sum + times, 0));
}

function nameOf(held: HeldBack, condition: StatedCondition | undefined): string {
  return held.ended === true ? `${valueOf(held, condition)} (ended)` : valueOf(held, condition);
}

function valueOf({ protocol, chain, token, account, value }: HeldBack, condition: StatedCondition | undefined): string {
  const metric = condition?.metric ?? 'event';
  const type = typeOf(condition);
  const about = { protocol: protocol ?? undefined, chain: chain ?? undefined, token: token ?? undefined, account };
  const name = headline({ ...about, metric, type, value });
  if (name !== '' && metric !== 'event') return name;
  const unit = condition?.metric === 'event' ? unitOfField(condition.field) : unitOf(metric, type);
  const shown = value === null ? '' : ` ${figure(value, unit)}`;
  const event = condition?.metric === 'event' ? condition.eventType : metric;
  return `${event}${name === '' ? '' : ` of ${name}`}${shown}`;
}

function excess({ value }: HeldBack, condition: StatedCondition | undefined): number {
  const threshold = thresholdOf(condition);
  if (value === null || threshold === null) return 0;
  // A change is compared by its size, regardless of its direction.
  const beyond = typeOf(condition) === 'change_pct' ? Math.abs(value) - Math.abs(threshold) : value - threshold;
  return threshold === 0 ? Math.abs(value) : Math.abs(beyond / threshold);
}
