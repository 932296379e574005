import { comparisons, type Comparison, type Query } from './ast.js';
import { shown } from './faults.js';
import { nearestName } from './nearest-name.js';

/** What a query asks for that is possible, and probably not meant. */
export interface QueryWarning {
  /** The field that the condition is about. */
  readonly field: string;
  readonly code: 'unknown_name' | 'not_a_fraction';
  readonly detail: string;
  /** The name that is perhaps meant. */
  readonly meant?: string;
}

/** All names that there is data of, each in its one spelling. */
export interface KnownNames {
  readonly protocol: ReadonlySet<string>;
  readonly chain: ReadonlySet<string>;
  readonly token: ReadonlySet<string>;
  /** By their lower case. */
  readonly category: ReadonlyMap<string, string>;
}

/** More warnings than this help nobody, and looking for near names takes time. */
const MAX_WARNINGS = 10;
const NAMED = new Set(['eq', 'ne', 'in', 'nin']);
const KINDS: Readonly<Record<string, keyof KnownNames>> = {
  protocol: 'protocol',
  chain: 'chain',
  chains: 'chain',
  token: 'token',
  category: 'category',
};

/** Whether a query names something, so that its warnings depend on what there is data of. */
export function asksForNames(query: Query): boolean {
  return comparisons(query.where).some((comparison) => kindNamed(comparison, query) !== undefined);
}

/**
 * Names that nothing is known of, with what is perhaps meant, and changes that look like percent. Looking for near names among
 * very many takes a while: nothing is yielded in between, for whoever works in slices.
 */
export function* warningsOf(query: Query, known: KnownNames | undefined): Iterable<QueryWarning | undefined> {
  const details = new Set<string>();
  for (const comparison of comparisons(query.where)) {
    for (const warning of warningsAbout(comparison, query, known)) {
      if (warning !== undefined && details.has(warning.detail)) continue;
      yield warning;
      if (warning !== undefined) details.add(warning.detail);
      if (details.size === MAX_WARNINGS) return;
    }
  }
}

function kindNamed({ field, operator }: Comparison, { dataset }: Query): keyof KnownNames | undefined {
  // The log speaks of things that have no row.
  if (!NAMED.has(operator) || (dataset === 'events' && field !== 'category')) return undefined;
  return KINDS[field];
}

function* warningsAbout(
  comparison: Comparison,
  query: Query,
  names: KnownNames | undefined,
): Iterable<QueryWarning | undefined> {
  const { field, values } = comparison;
  if (field.startsWith('change_')) {
    for (const value of values) {
      if (typeof value !== 'number' || Math.abs(value) <= 1) continue;
      const detail = `${field} is a fraction: ${value} is ${value * 100} %; for ${value} % give ${value / 100}.`;
      yield { field, code: 'not_a_fraction', detail };
    }
    return;
  }
  const kind = kindNamed(comparison, query);
  if (kind === undefined || names === undefined) return;
  for (const value of values) {
    const name = String(value);
    if (kind === 'category' ? names.category.has(name.toLowerCase()) : isKnown(names, kind, name)) continue;
    const near = yield* nearestName(name, kind === 'category' ? names.category.values() : names[kind]);
    const offer = near === undefined ? '' : ` Did you mean ${near}?`;
    const detail = `There is no ${kind} ${shown(name)} at present.${offer}`;
    yield { field, code: 'unknown_name', detail, ...(near !== undefined && { meant: near }) };
  }
}

/** Totals and parts of books are chains too, for who names them. */
function isKnown(names: KnownNames, kind: 'protocol' | 'chain' | 'token', name: string): boolean {
  return names[kind].has(name) || (kind === 'chain' && name === 'all');
}
