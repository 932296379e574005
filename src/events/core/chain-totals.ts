/**
 * Categories that chain totals omit, as DefiLlama does, in lower case: their money is counted in other protocols (staked,
 * bridged or wrapped), or is not part of DeFi.
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

/** Whether chain totals omit a protocol, because of its category or because its money is counted in another protocol. */
export function isLeftOutOfChains(protocol: {
  readonly category: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}): boolean {
  return leftOut.has(protocol.category?.toLowerCase() ?? '') || protocol.metadata['doublecounted'] === true;
}
