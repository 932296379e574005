import { ALL_CHAINS, isPseudoChain, isRealChain } from '../../events/index.js';

/** Whether a chain's value is part of its protocol's total: `all` only where no real chain is known, pseudo chains never. */
export function countsInTotal(chain: string, known: Iterable<string>): boolean {
  if (isPseudoChain(chain)) return false;
  if (chain !== ALL_CHAINS) return true;
  for (const other of known) if (isRealChain(other)) return false;
  return true;
}
