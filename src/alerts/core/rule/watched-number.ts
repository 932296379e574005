import type { SubjectFilter } from './rule.js';
import type { Finality, RuleEventType } from '../../../events/core/index.js';

/** Numbers of an account, each with the member of `points_change` that has it. */
export const ACCOUNT_MEASURES = {
  points: 'currentPoints',
  staked_tokens: 'stakedTokens',
} as const;
export type AccountMeasure = keyof typeof ACCOUNT_MEASURES;

/** Numbers that events contain; all other numbers that rules compare are derived from them. */
export type Measure = 'tvl' | 'price' | 'volume_24h' | 'market_cap' | AccountMeasure;

export function isOfAccount(measure: string): measure is AccountMeasure {
  return Object.hasOwn(ACCOUNT_MEASURES, measure);
}

/** Value of `chain` for the protocol's total. */
export const TOTAL = '';
/** Value of `protocol`, `chain` or `token` for all of them. */
export const ANY = '*';

/**
 * Values of `windowMs`: for the measure itself, and for its change from the previous published value; see also `ABSENCE`.
 */
export const LEVEL = 0;
export const PREVIOUS = -1;
/** Value of `windowMs` for the minutes without an observation. */
export const ABSENCE = -2;

/** Returns the kind of a number: level, change or absence. */
export function kindOf(windowMs: number): typeof LEVEL | typeof PREVIOUS | typeof ABSENCE {
  return windowMs > 0 ? PREVIOUS : windowMs === LEVEL ? LEVEL : windowMs === ABSENCE ? ABSENCE : PREVIOUS;
}

/** Number, or family of numbers, that a condition compares with its threshold. */
export interface WatchedNumber {
  readonly measure: Measure;
  /** Slug, `*`, or empty for a measure of tokens. */
  readonly protocol: string;
  /** Chain, `*`, or `TOTAL`; empty for tokens. */
  readonly chain: string;
  /** Id, `*`, or empty for a measure of protocols; for a measure of accounts, the account. */
  readonly token: string;
  /** Window: `LEVEL`, `PREVIOUS`, `ABSENCE`, or its length in ms. */
  readonly windowMs: number;
  /** Whether the absolute value of the change is compared, so that both directions count. */
  readonly absolute: boolean;
  /** Filter on the members of a family. */
  readonly filter?: SubjectFilter;
}

/** Events of one type about a subject; a null member matches all. */
export interface WatchedEvent {
  readonly eventType: RuleEventType;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  /** Rows of on-chain events that count. */
  readonly finality: Finality;
}

/** Wildcards of a condition, as bits: the subject of each names an instance. */
export const Variable = { protocol: 1, chain: 2, token: 4, account: 8 } as const;

export function variablesOf({ measure, protocol, chain, token }: WatchedNumber): number {
  return (
    (protocol === ANY ? Variable.protocol : 0) |
    (chain === ANY ? Variable.chain : 0) |
    (token === ANY ? (isOfAccount(measure) ? Variable.account : Variable.token) : 0)
  );
}

/** Returns the key of the series of a number or family; it is the same for all windows. */
export function seriesKey({ measure, protocol, chain, token }: WatchedNumber): string {
  return `${measure} ${protocol} ${chain} ${token}`;
}

export function numberKey(watched: WatchedNumber): string {
  const { windowMs, absolute, filter } = watched;
  const among = filter ? ` ${JSON.stringify([filter.categories, filter.tags, filter.minTvl])}` : '';
  return `${seriesKey(watched)} ${windowMs}${absolute ? ' abs' : ''}${among}`;
}

/** Returns the wildcards of an instance's key, as bits. */
export function variablesOfKey(key: string): number {
  const has = (name: string): boolean => key.startsWith(`${name}=`) || key.includes(`,${name}=`);
  return (
    (has('protocol') ? Variable.protocol : 0) |
    (has('chain') ? Variable.chain : 0) |
    (has('token') ? Variable.token : 0) |
    (has('account') ? Variable.account : 0)
  );
}

/** Returns the instance key of a subject for the given wildcards; empty if there are none. `token`: token or account. */
export function instanceKey(variables: number, protocol: string, chain: string, token: string): string {
  if (variables === 0) return '';
  const parts: string[] = [];
  if (variables & Variable.protocol) parts.push(`protocol=${protocol}`);
  if (variables & Variable.chain) parts.push(`chain=${chain}`);
  if (variables & Variable.token) parts.push(`token=${token}`);
  if (variables & Variable.account) parts.push(`account=${token}`);
  return parts.join(',');
}
