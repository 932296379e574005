/**
 * Categories that chain totals leave out, as DefiLlama does: money that is counted elsewhere already (staked, bridged or
 * wrapped), and money that is not DeFi's. Lower case.
 */
export const CATEGORIES_LEFT_OUT: readonly string[] = [
  'basis trading',
  'bridge',
  'canonical bridge',
  'cedefi',
  'cex',
  'chain',
  'infrastructure',
  'liquid staking',
  'rwa',
  'staking pool',
];

const leftOut: ReadonlySet<string> = new Set(CATEGORIES_LEFT_OUT);

/** Whether chain totals leave a protocol out: by its category, or because its money is counted in another protocol. */
export function isLeftOutOfChains(protocol: {
  readonly category: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}): boolean {
  return leftOut.has(protocol.category?.toLowerCase() ?? '') || protocol.metadata['doublecounted'] === true;
}
