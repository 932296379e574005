import type { Standard } from '../model/event-forms.js';
import type { Address } from '../model/hex.js';

/** Version of the rates: what a token earns from a time on. */
export interface PointRule {
  /** Number of the version; of two that are valid from the same time the higher one applies. */
  readonly version: number;
  /** Unix milliseconds. */
  readonly validFrom: number;
  /** Micro-points that a staked token earns per day. */
  readonly stakedPerDay: bigint;
  /** Micro-points that a held token earns per day; a token that is staked earns the staked rate alone. */
  readonly heldPerDay: bigint;
  /** Names of the chains on which the rule holds; empty: all. */
  readonly chains: readonly string[];
  /** Contracts for which the rule holds; empty: all but those of ERC-20, which earn only where a rule names them. */
  readonly contracts: readonly Address[];
}

/** Stretch of time in which one rule applies to a contract; `to` is null for the newest. */
export interface RateStretch {
  readonly rule: PointRule;
  readonly from: number;
  readonly to: number | null;
}

/** Integral of a rate over time: exact, piecewise linear, 0 before the first rule. */
class RateIntegral {
  private readonly starts: readonly number[];
  private readonly rates: readonly bigint[];
  private readonly sums: readonly bigint[];
  /** Newest question and its answer: events of one block ask for the same time. */
  private askedAt = -1;
  private answer = 0n;

  constructor(stretches: readonly RateStretch[], rateOf: (rule: PointRule) => bigint) {
    this.starts = stretches.map(({ from }) => from);
    this.rates = stretches.map(({ rule }) => rateOf(rule));
    let sum = 0n;
    this.sums = stretches.map(({ rule, from, to }) => {
      const before = sum;
      if (to !== null) sum += rateOf(rule) * BigInt(to - from);
      return before;
    });
  }

  /** Returns R(at) in micro-points per day * ms; the difference of two times is what a token earned between them. */
  at(at: number): bigint {
    if (at === this.askedAt) return this.answer;
    const piece = this.starts.findLastIndex((start) => start <= at);
    const [start = 0, rate = 0n, sum = 0n] = [this.starts[piece], this.rates[piece], this.sums[piece]];
    this.answer = sum + rate * BigInt(at - start);
    this.askedAt = at;
    return this.answer;
  }
}

/** Rates of one contract over time. */
export class ContractRates {
  readonly staked: RateIntegral;
  readonly held: RateIntegral;

  constructor(readonly stretches: readonly RateStretch[]) {
    this.staked = new RateIntegral(stretches, ({ stakedPerDay }) => stakedPerDay);
    this.held = new RateIntegral(stretches, ({ heldPerDay }) => heldPerDay);
  }

  /** Returns the integral of the kind. */
  of(staked: boolean): RateIntegral {
    return staked ? this.staked : this.held;
  }

  /** Splits a time range at the rules that apply in it; parts without a rule are left out, as they earn nothing. */
  between(from: number, to: number): RateStretch[] {
    return this.stretches
      .map((stretch) => ({
        rule: stretch.rule,
        from: Math.max(from, stretch.from),
        to: Math.min(to, stretch.to ?? to),
      }))
      .filter((part) => part.from < part.to);
  }
}

/** All versions of the rates, and from them the rates of each contract. */
export class PointRates {
  private readonly known = new Map<string, ContractRates>();

  constructor(readonly rules: readonly PointRule[]) {}

  /** Returns the rates of a contract; the rule that applies at a time is the newest one that names the chain and the contract. */
  of(chain: string, contract: Address, standard: Standard): ContractRates {
    const key = `${chain} ${contract} ${standard}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const rates = new ContractRates(stretchesOf(this.rules.filter((rule) => names(rule, chain, contract, standard))));
    this.known.set(key, rates);
    return rates;
  }
}

function names(rule: PointRule, chain: string, contract: Address, standard: Standard): boolean {
  if (rule.chains.length > 0 && !rule.chains.includes(chain)) return false;
  return rule.contracts.length === 0 ? standard !== 'erc20' : rule.contracts.includes(contract);
}

/** Each rule applies until the next begins; of those that begin together only the highest version applies. */
function stretchesOf(rules: readonly PointRule[]): RateStretch[] {
  const newest = new Map<number, PointRule>();
  for (const rule of rules) {
    const other = newest.get(rule.validFrom);
    if (other === undefined || other.version < rule.version) newest.set(rule.validFrom, rule);
  }
  const inOrder = [...newest.values()].sort((a, b) => a.validFrom - b.validFrom);
  return inOrder.map((rule, at) => ({ rule, from: rule.validFrom, to: inOrder[at + 1]?.validFrom ?? null }));
}
