import type { SubjectFilter } from './rule.js';
import type { RuleEventType } from '../../events/core/index.js';

/** The numbers that events bring; everything else that rules compare is derived from these. */
export type Measure = 'tvl' | 'price' | 'volume_24h' | 'market_cap' | 'points';

/** In place of a chain: the protocol's total. */
export const TOTAL = '';
/** In place of a protocol, chain or token: every one. */
export const ANY = '*';

/** `windowMs`: the measure itself, or its change against the value published before; see `ABSENCE`. */
export const LEVEL = 0;
export const PREVIOUS = -1;
/** The minutes for which nothing was observed of it. */
export const ABSENCE = -2;

/** A level, a change, or an absence: what an owner knows apart. */
export function kindOf(windowMs: number): typeof LEVEL | typeof PREVIOUS | typeof ABSENCE {
  return windowMs > 0 ? PREVIOUS : windowMs === LEVEL ? LEVEL : windowMs === ABSENCE ? ABSENCE : PREVIOUS;
}

/** The number, or the family of numbers, that a condition compares with its threshold. */
export interface WatchedNumber {
  readonly measure: Measure;
  /** Slug, `*`, or empty where the measure has no protocol. */
  readonly protocol: string;
  /** Chain, `*`, or `TOTAL`; empty for tokens. */
  readonly chain: string;
  /** Id, `*`, or empty. */
  readonly token: string;
  /** `LEVEL`, `PREVIOUS`, `ABSENCE`, or milliseconds to look back. */
  readonly windowMs: number;
  /** The size of the change, whichever way it went. */
  readonly absolute: boolean;
  /** Of a family: which of its members count. */
  readonly filter?: SubjectFilter;
}

/** Events of one type about a subject; null is any. */
export interface WatchedEvent {
  readonly eventType: RuleEventType;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
}

/** The wildcards of a condition, as bits: its instances differ in these. */
export const Variable = { protocol: 1, chain: 2, token: 4 } as const;

export function variablesOf({ protocol, chain, token }: WatchedNumber): number {
  return (
    (protocol === ANY ? Variable.protocol : 0) |
    (chain === ANY ? Variable.chain : 0) |
    (token === ANY ? Variable.token : 0)
  );
}

/** The series that a number or family is of, whatever is compared of them. */
export function seriesKey({ measure, protocol, chain, token }: WatchedNumber): string {
  return `${measure} ${protocol} ${chain} ${token}`;
}

export function numberKey(watched: WatchedNumber): string {
  const { windowMs, absolute, filter } = watched;
  const among = filter ? ` ${JSON.stringify([filter.categories, filter.tags, filter.minTvl])}` : '';
  return `${seriesKey(watched)} ${windowMs}${absolute ? ' abs' : ''}${among}`;
}

/** What the instances of a name differ in, as bits. */
export function variablesOfKey(key: string): number {
  const has = (name: string): boolean => key.startsWith(`${name}=`) || key.includes(`,${name}=`);
  return (
    (has('protocol') ? Variable.protocol : 0) |
    (has('chain') ? Variable.chain : 0) |
    (has('token') ? Variable.token : 0)
  );
}

/** Name of the instance that a subject belongs to, for the given variables; empty without any. */
export function instanceKey(variables: number, protocol: string, chain: string, token: string): string {
  if (variables === 0) return '';
  const parts: string[] = [];
  if (variables & Variable.protocol) parts.push(`protocol=${protocol}`);
  if (variables & Variable.chain) parts.push(`chain=${chain}`);
  if (variables & Variable.token) parts.push(`token=${token}`);
  return parts.join(',');
}
