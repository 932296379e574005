import { Scope } from '../index/scope.js';
import type { InstanceBook } from '../table/instance-book.js';
import type { LeafTable } from '../table/leaf-table.js';
import type { MarketRow } from '../market-row.js';
import type { LeafReading } from '../transition.js';
import { isOfAccount } from '../rule/watched-number.js';

/**
 * Returns the current values of all conditions of an instance's rule; `event` is the current log row, or null for a tick.
 */
export function readingsOf(
  row: number,
  event: MarketRow | null,
  leaves: LeafTable,
  instances: InstanceBook,
): LeafReading[] {
  const key = instances.table.key(row);
  const held = instances.heldNow(row);
  // `map`, because an array built by appending reserves room for 16 more elements, and one tick may concern a hundred
  // thousand rules.
  return [...leaves.of(instances.table.rule.get(row))].map((leaf, condition) => {
    const scope = leaves.scope(leaf);
    const holds = (held & leaves.bit(leaf)) !== 0;
    if (scope instanceof Scope) return numberReading(scope, key, condition, holds);
    if (!event || !holds) return { ...NOTHING, condition, holds };
    return { ...eventReading(event, condition), value: leaves.comparedIn(leaf, event.data) };
  });
}

function numberReading(scope: Scope, instance: string, condition: number, holds: boolean): LeafReading {
  const quantity = scope.quantityOf(instance);
  if (!quantity) return { ...NOTHING, condition, holds };
  const { series } = quantity;
  return {
    condition,
    holds,
    protocol: series.protocol || null,
    chain: series.chain || null,
    ...(isOfAccount(series.measure) ? { token: null, account: series.token } : { token: series.token || null }),
    value: known(quantity.value),
    current: known(series.value),
    previous: known(series.previous),
    reference: known(quantity.reference),
    referenceAt: known(quantity.referenceAt),
    observedAt: known(series.observedAt),
  };
}

function eventReading(event: MarketRow, condition: number): LeafReading {
  const { protocol, chain, token, current, previous, observedAt } = event;
  return { ...NOTHING, condition, holds: true, protocol, chain, token, current, previous, observedAt };
}

const NOTHING = {
  protocol: null,
  chain: null,
  token: null,
  value: null,
  current: null,
  previous: null,
  reference: null,
  referenceAt: null,
  observedAt: null,
};

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
