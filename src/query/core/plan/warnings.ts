import { comparisons, type Comparison, type DatasetName, type Query } from '../ast.js';
import { shown } from '../../../platform/input/text.js';
import { nearestName } from './nearest-name.js';

/** Warning about a part of a query that is valid, but probably a mistake. */
export interface QueryWarning {
  /** Field of the condition. */
  readonly field: string;
  readonly code: 'unknown_name' | 'not_a_fraction';
  readonly detail: string;
  /** Name that the client probably meant. */
  readonly meant?: string;
}

/** Names that occur in the data, in their canonical spelling. */
export interface KnownNames {
  readonly protocol: ReadonlySet<string>;
  readonly chain: ReadonlySet<string>;
  readonly token: ReadonlySet<string>;
  /** Categories by their lower-case form. */
  readonly category: ReadonlyMap<string, string>;
}

/** Maximum number of warnings; the search for similar names takes time. */
const MAX_WARNINGS = 10;
const LOGS: ReadonlySet<DatasetName> = new Set(['events', 'onchain']);
const NAMED = new Set(['eq', 'ne', 'in', 'nin']);
const KINDS: Readonly<Record<string, keyof KnownNames>> = {
  protocol: 'protocol',
  chain: 'chain',
  chains: 'chain',
  token: 'token',
  category: 'category',
};

/** Whether a query contains names, so that its warnings depend on the names in the data. */
export function asksForNames(query: Query): boolean {
  return comparisons(query.where).some((comparison) => kindNamed(comparison, query) !== undefined);
}

/**
 * Yields warnings about unknown names, with a similar known one, and about changes that look like percentages. The search
 * among very many names takes long, so undefined is yielded regularly for callers that work in slices.
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
  // Events may contain names of things that have no row, or chains without protocols.
  if (!NAMED.has(operator) || (LOGS.has(dataset) && field !== 'category')) return undefined;
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
      const detail = `${field} is a fraction: ${value} is ${value * 100} %; for ${value} % send ${value / 100}.`;
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

/** Whether a name is known; `all` counts as a chain. */
function isKnown(names: KnownNames, kind: 'protocol' | 'chain' | 'token', name: string): boolean {
  return names[kind].has(name) || (kind === 'chain' && name === 'all');
}
