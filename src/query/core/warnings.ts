import { comparisons, type Comparison, type Query } from './ast.js';
import { shown } from './faults.js';
import { nearestName } from './nearest-name.js';

/** Request of a query that is possible, but probably a mistake. */
export interface QueryWarning {
  /** Field of the condition. */
  readonly field: string;
  readonly code: 'unknown_name' | 'not_a_fraction';
  readonly detail: string;
  /** Name that was probably meant. */
  readonly meant?: string;
}

/** Names of which there is data, each in its one spelling. */
export interface KnownNames {
  readonly protocol: ReadonlySet<string>;
  readonly chain: ReadonlySet<string>;
  readonly token: ReadonlySet<string>;
  /** Categories by their lower case. */
  readonly category: ReadonlyMap<string, string>;
}

/** Maximum number of warnings, since the search for near names takes time. */
const MAX_WARNINGS = 10;
const NAMED = new Set(['eq', 'ne', 'in', 'nin']);
const KINDS: Readonly<Record<string, keyof KnownNames>> = {
  protocol: 'protocol',
  chain: 'chain',
  chains: 'chain',
  token: 'token',
  category: 'category',
};

/** Whether a query contains names, so that its warnings depend on the names of which there is data. */
export function asksForNames(query: Query): boolean {
  return comparisons(query.where).some((comparison) => kindNamed(comparison, query) !== undefined);
}

/**
 * Yields warnings of unknown names, with the probable one, and of changes that look like percent. The search for near names
 * among very many takes a while: it yields undefined in between, for callers that work in slices.
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
  // Events of the log name things that have no row.
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
    const detail = `Unknown ${kind} ${shown(name)}.${offer}`;
    yield { field, code: 'unknown_name', detail, ...(near !== undefined && { meant: near }) };
  }
}

/** Whether a name is known; totals and parts of books are chains too, if named. */
function isKnown(names: KnownNames, kind: 'protocol' | 'chain' | 'token', name: string): boolean {
  return names[kind].has(name) || (kind === 'chain' && name === 'all');
}
