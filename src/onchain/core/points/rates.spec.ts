import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Address } from '../model/hex.js';
import { PointRates, type PointRule } from './rates.js';

const A: Address = `0x${'a'.repeat(40)}`;
const B: Address = `0x${'b'.repeat(40)}`;

const rule = (version: number, validFrom: number, members: Partial<PointRule> = {}): PointRule => ({
  version,
  validFrom,
  stakedPerDay: 1n,
  heldPerDay: 0n,
  chains: [],
  contracts: [],
  ...members,
});

/** Rule of one moment, found by going through all of them. */
function ruleAt(rules: readonly PointRule[], at: number, chain: string, contract: Address, isFungible: boolean) {
  let best: PointRule | undefined;
  for (const candidate of rules) {
    if (candidate.validFrom > at) continue;
    if (candidate.chains.length > 0 && !candidate.chains.includes(chain)) continue;
    if (candidate.contracts.length > 0 && !candidate.contracts.includes(contract)) continue;
    if (candidate.contracts.length === 0 && isFungible) continue;
    const isNewer =
      best === undefined ||
      candidate.validFrom > best.validFrom ||
      (candidate.validFrom === best.validFrom && candidate.version > best.version);
    if (isNewer) best = candidate;
  }
  return best;
}

const rules = fc
  .array(
    fc.record({
      validFrom: fc.integer({ min: 0, max: 60 }),
      stakedPerDay: fc.bigInt(0n, 10n ** 20n),
      heldPerDay: fc.bigInt(0n, 5n),
      chains: fc.subarray(['ethereum', 'base']),
      contracts: fc.subarray([A, B]),
    }),
    { maxLength: 8 },
  )
  .map((list) => list.map((members, version): PointRule => ({ version, ...members })));

describe('the rates of a contract', () => {
  it('equal the sum over every millisecond of the rule that applies in it', () => {
    fc.assert(
      fc.property(
        rules,
        fc.constantFrom('ethereum', 'base'),
        fc.constantFrom(A, B),
        fc.constantFrom('batch' as const, 'erc20' as const),
        fc.array(fc.integer({ min: 0, max: 80 }), { minLength: 1, maxLength: 10 }),
        (list, chain, contract, standard, times) => {
          const rates = new PointRates(list).of(chain, contract, standard);
          for (const at of times) {
            let [staked, held] = [0n, 0n];
            for (let ms = 0; ms < at; ms++) {
              const applies = ruleAt(list, ms, chain, contract, standard === 'erc20');
              staked += applies?.stakedPerDay ?? 0n;
              held += applies?.heldPerDay ?? 0n;
            }
            expect([rates.staked.at(at), rates.held.at(at)]).toEqual([staked, held]);
          }
        },
      ),
    );
  });

  it('are 0 before the first rule, and nothing for an ERC-20 that no rule names', () => {
    const rates = new PointRates([rule(1, 1_000)]);
    expect([0, 1_000, 1_500].map((at) => rates.of('base', A, 'erc721').staked.at(at))).toEqual([0n, 0n, 500n]);
    expect(rates.of('base', A, 'erc20').staked.at(9_999)).toBe(0n);
    expect(new PointRates([rule(1, 0, { contracts: [A] })]).of('base', A, 'erc20').staked.at(7)).toBe(7n);
  });

  it('split a time range at the rules that apply in it', () => {
    const rates = new PointRates([rule(1, 10), rule(2, 20), rule(3, 20)]).of('base', A, 'batch');
    expect(rates.between(0, 25).map(({ rule: { version }, from, to }) => [version, from, to])).toEqual([
      [1, 10, 20],
      [3, 20, 25],
    ]);
    expect(rates.between(12, 12)).toEqual([]);
  });
});
