import type { AlertMessage } from '../../notifications/index.js';
import type { Condition, LeafReading, ValueCondition } from '../core/index.js';

/** A condition as it is told: `negated` if its opposite is what the rule waits for. */
export type ToldCondition = Condition & { readonly negated?: boolean };

/** What a sentence is made of. */
export interface Statement {
  rule: string;
  state: AlertMessage['state'];
  condition: ToldCondition | undefined;
  reading: LeafReading | undefined;
  suppressed: number;
}

const METRIC_NAMES: Readonly<Record<string, string>> = {
  tvl: 'TVL',
  price: 'Price',
  volume_24h: 'Volume of 24 h',
  market_cap: 'Market cap',
  change_1h: 'Change over 1 h',
  change_24h: 'Change over 24 h',
  change_7d: 'Change over 7 d',
  points: 'Points',
};
const COMPARISONS = { gt: 'above', gte: 'at or above', lt: 'below', lte: 'at or below', eq: 'at' } as const;
const OPPOSITES = { gt: 'at or below', gte: 'below', lt: 'at or above', lte: 'above', eq: 'not at' } as const;

/** One sentence for people about a transition. */
export function sentenceOf({ rule, state, condition, reading, suppressed }: Statement): string {
  const about = subjectOf(reading);
  if (state === 'summary' && (about === '' || condition?.metric === 'event')) {
    // Of a rule about every protocol or token, or of events: there is no one value to speak of.
    return `${rule}: ${times(suppressed)} more since the last message`;
  }
  const what = condition === undefined ? 'the rule holds' : fact(condition, reading, about, state);
  if (state === 'resolved') return `${rule}: resolved, ${what}`;
  if (state === 'summary') {
    const since = `${rule}: ${times(suppressed)} more since the last message`;
    return reading === undefined ? since : `${since}; now ${what}`;
  }
  return `${rule}: ${what}`;
}

function fact(
  condition: ToldCondition,
  reading: LeafReading | undefined,
  about: string,
  state: AlertMessage['state'],
): string {
  if (condition.metric === 'event') return `${condition.eventType}${about}`;
  const metric = METRIC_NAMES[condition.metric] ?? condition.metric;
  if (reading?.value === null || reading === undefined) return `${metric}${about} is not known`;
  if (condition.operator === 'change_pct') return changeFact(condition, reading, `${metric}${about}`);
  // A summary also comes when the rule holds no longer.
  if (state === 'resolved' || !reading.holds) return `${metric}${about} is ${amount(condition.metric, reading.value)}`;
  const [shown, threshold] = amounts(condition.metric, reading.value, condition.threshold);
  if (passed(condition, reading)) return `${metric}${about} is ${shown}, past ${threshold}`;
  const comparisons = condition.negated ? OPPOSITES : COMPARISONS;
  return `${metric}${about} is ${shown}, ${comparisons[condition.operator]} ${threshold}`;
}

/** Whether the value was not seen at the one that was waited for, but went through it. */
function passed({ operator, threshold, negated }: ValueCondition & ToldCondition, reading: LeafReading): boolean {
  const { value, current, previous } = reading;
  if (operator !== 'eq' || negated || value !== current || current === null || previous === null) return false;
  return (previous - threshold) * (current - threshold) < 0;
}

function changeFact(condition: ValueCondition, { value, current }: LeafReading, metric: string): string {
  const change = value ?? 0;
  const within = condition.timeWindow === undefined ? '' : ` within ${duration(condition.timeWindow)}`;
  const to = current === null ? '' : ` to ${amount(condition.metric, current)}`;
  return `${metric} ${change < 0 ? 'fell' : 'rose'} ${percent(Math.abs(change))}${within}${to}`;
}

function subjectOf(reading: LeafReading | undefined): string {
  const name = reading?.protocol ?? reading?.token ?? null;
  const chain = reading?.chain ?? null;
  if (name === null) return chain === null ? '' : ` on ${chain}`;
  return chain === null ? ` of ${name}` : ` of ${name} on ${chain}`;
}

const DECIMALS = 2;
const MOST_DECIMALS = 12;

function amount(metric: string, value: number, decimals = DECIMALS): string {
  if (metric.startsWith('change_')) return percent(value, decimals);
  return metric === 'points' ? plain(value, decimals) : money(value, decimals);
}

/** Two amounts with as many decimals as tell them apart: a stablecoin is not "$1.00, above $1.00". */
function amounts(metric: string, one: number, other: number, decimals = DECIMALS): [string, string] {
  const [first, second] = [amount(metric, one, decimals), amount(metric, other, decimals)];
  const areApart = first !== second || one === other || decimals === MOST_DECIMALS;
  return areApart ? [first, second] : amounts(metric, one, other, decimals + 1);
}

/** To six digits, or as many more as decimals are asked for beyond the usual. */
const plain = (value: number, decimals = DECIMALS): string => String(Number(value.toPrecision(4 + decimals)));

const SCALES = [
  [1e12, ' T'],
  [1e9, ' B'],
  [1e6, ' M'],
] as const;

function money(value: number, decimals: number): string {
  const scale = SCALES.find(([size]) => Math.abs(value) >= size);
  if (scale !== undefined) return `$${(value / scale[0]).toFixed(decimals)}${scale[1]}`;
  const digits = Math.abs(value) >= 1 ? value.toFixed(decimals) : plain(value, decimals);
  return `$${digits.replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ',')}`;
}

function percent(fraction: number, decimals = DECIMALS): string {
  return `${plain(Number((fraction * 100).toFixed(decimals)), decimals)} %`;
}

function duration(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400} d`;
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
