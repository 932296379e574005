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

/** Names that nothing is known of, with what is perhaps meant, and changes that look like percent. */
export function warningsOf(query: Query, known: () => KnownNames | undefined): QueryWarning[] {
  const warnings: QueryWarning[] = [];
  for (const comparison of comparisons(query.where)) {
    for (const warning of warningsAbout(comparison, query, known)) {
      if (warnings.length === MAX_WARNINGS) return warnings;
      if (!warnings.some(({ detail }) => detail === warning.detail)) warnings.push(warning);
    }
  }
  return warnings;
}

function* warningsAbout(
  comparison: Comparison,
  query: Query,
  known: () => KnownNames | undefined,
): Iterable<QueryWarning> {
  const { field, operator, values } = comparison;
  if (field.startsWith('change_')) {
    for (const value of values) {
      if (typeof value !== 'number' || Math.abs(value) <= 1) continue;
      const detail = `${field} is a fraction: ${value} is ${value * 100} %; for ${value} % give ${value / 100}.`;
      yield { field, code: 'not_a_fraction', detail };
    }
    return;
  }
  // The log speaks of things that have no row.
  const kind = query.dataset === 'events' && field !== 'category' ? undefined : KINDS[field];
  if (kind === undefined || !NAMED.has(operator)) return;
  for (const value of values) {
    const name = String(value);
    const names = known();
    if (names === undefined) return;
    if (kind === 'category' ? names.category.has(name.toLowerCase()) : isKnown(names, kind, name)) continue;
    const near = nearestName(name, kind === 'category' ? names.category.values() : names[kind]);
    const offer = near === undefined ? '' : ` Did you mean ${near}?`;
    const detail = `There is no ${kind} ${shown(name)} at present.${offer}`;
    yield { field, code: 'unknown_name', detail, ...(near !== undefined && { meant: near }) };
  }
}

/** Totals and parts of books are chains too, for who names them. */
function isKnown(names: KnownNames, kind: 'protocol' | 'chain' | 'token', name: string): boolean {
  return names[kind].has(name) || (kind === 'chain' && name === 'all');
}
