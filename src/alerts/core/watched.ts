import type { SubjectFilter } from './rule.js';
import type { RuleEventType } from '../../events/core/index.js';

/** Numbers that events bring; everything else that rules compare is derived from these. */
export type Measure = 'tvl' | 'price' | 'volume_24h' | 'market_cap' | 'points';

/** Stands for the protocol's total in place of a chain. */
export const TOTAL = '';
/** Stands for every protocol, chain or token. */
export const ANY = '*';

/** Values of `windowMs`: the measure itself, or its change against the value published before; see `ABSENCE`. */
export const LEVEL = 0;
export const PREVIOUS = -1;
/** Value of `windowMs` for the minutes without an observation. */
export const ABSENCE = -2;

/** Returns level, change, or absence: the classes that owners tell apart. */
export function kindOf(windowMs: number): typeof LEVEL | typeof PREVIOUS | typeof ABSENCE {
  return windowMs > 0 ? PREVIOUS : windowMs === LEVEL ? LEVEL : windowMs === ABSENCE ? ABSENCE : PREVIOUS;
}

/** Number, or family of numbers, that a condition compares with its threshold. */
export interface WatchedNumber {
  readonly measure: Measure;
  /** Slug, `*`, or empty if the measure has no protocol. */
  readonly protocol: string;
  /** Chain, `*`, or `TOTAL`; empty for tokens. */
  readonly chain: string;
  /** Id, `*`, or empty. */
  readonly token: string;
  /** Window: `LEVEL`, `PREVIOUS`, `ABSENCE`, or ms to look back. */
  readonly windowMs: number;
  /** Whether the size of the change counts, in either direction. */
  readonly absolute: boolean;
  /** Filter on the members of a family. */
  readonly filter?: SubjectFilter;
}

/** Events of one type about a subject; null is any. */
export interface WatchedEvent {
  readonly eventType: RuleEventType;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
}

/** Wildcards of a condition, as bits, which tell its instances apart. */
export const Variable = { protocol: 1, chain: 2, token: 4 } as const;

export function variablesOf({ protocol, chain, token }: WatchedNumber): number {
  return (
    (protocol === ANY ? Variable.protocol : 0) |
    (chain === ANY ? Variable.chain : 0) |
    (token === ANY ? Variable.token : 0)
  );
}

/** Returns the key of the series of a number or family, independent of the comparison. */
export function seriesKey({ measure, protocol, chain, token }: WatchedNumber): string {
  return `${measure} ${protocol} ${chain} ${token}`;
}

export function numberKey(watched: WatchedNumber): string {
  const { windowMs, absolute, filter } = watched;
  const among = filter ? ` ${JSON.stringify([filter.categories, filter.tags, filter.minTvl])}` : '';
  return `${seriesKey(watched)} ${windowMs}${absolute ? ' abs' : ''}${among}`;
}

/** Returns the variables of an instance's name, as bits. */
export function variablesOfKey(key: string): number {
  const has = (name: string): boolean => key.startsWith(`${name}=`) || key.includes(`,${name}=`);
  return (
    (has('protocol') ? Variable.protocol : 0) |
    (has('chain') ? Variable.chain : 0) |
    (has('token') ? Variable.token : 0)
  );
}

/** Returns the name of a subject's instance for the given variables; empty without any. */
export function instanceKey(variables: number, protocol: string, chain: string, token: string): string {
  if (variables === 0) return '';
  const parts: string[] = [];
  if (variables & Variable.protocol) parts.push(`protocol=${protocol}`);
  if (variables & Variable.chain) parts.push(`chain=${chain}`);
  if (variables & Variable.token) parts.push(`token=${token}`);
  return parts.join(',');
}
