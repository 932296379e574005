import type { Address, ChainEvent, PointRule, Standard } from '../../../src/onchain/core/index.js';

/** Contract as the oracle needs it; `token`: whose tokens are staked there. */
export interface NaiveContract {
  readonly id: number;
  readonly address: Address;
  readonly standard: Standard;
  readonly token: Address | null;
}

/** Time in which an account earns with a token; `to` is undefined while it lasts. */
export interface Span {
  readonly contract: number;
  readonly tokenId: bigint;
  readonly account: string;
  readonly staked: boolean;
  readonly quantity: bigint;
  readonly from: readonly [at: number, block: number, log: number];
  to?: readonly [at: number, block: number, log: number];
}

/** Everything that is compared with the oracle, in a form that does not depend on orders. */
export interface ComparedState {
  /** `contract/id owner since staker` of each token. */
  readonly tokens: readonly string[];
  /** `contract/account/id quantity` of each balance. */
  readonly balances: readonly string[];
  /** Closed intervals: `contract id account staked quantity`, from and to as time, block and log. */
  readonly closed: readonly string[];
  /** Open intervals: `contract/id account staked`, or `contract/account/id false`, and their start. */
  readonly open: readonly string[];
  /** Numerators of the accounts. */
  readonly points: readonly bigint[];
  /** `block:log error` of each event with an error. */
  readonly errors: readonly string[];
}

interface Owned {
  owner: string | null;
  since: number;
}

/**
 * Replays the whole history of a stream with plain maps. It keeps every span of time that ever began, and copies all owners at
 * the start of each transaction.
 */
export class NaivePoints {
  readonly owners = new Map<string, Owned>();
  readonly stakers = new Map<string, { account: string; tx: string }>();
  readonly amounts = new Map<string, bigint>();
  readonly spans: Span[] = [];
  readonly errors: string[] = [];
  private tx = '';
  private atStart = new Map<string, string | null>();

  constructor(
    private readonly contracts: readonly NaiveContract[],
    events: readonly ChainEvent[],
  ) {
    for (const event of events) this.take(event);
  }

  /** Points of an account at a time, as a numerator: micro-points per day * ms. */
  numerator(account: string, at: number, rules: readonly PointRule[], chain: string): bigint {
    let sum = 0n;
    for (const span of this.spans.filter((one) => one.account === account)) {
      const contract = this.contracts.find(({ id }) => id === span.contract)!;
      const end = span.to?.[0] ?? at;
      sum += span.quantity * earned(rules, chain, contract, span.staked, span.from[0], end);
    }
    return sum;
  }

  /** Returns the state, with the points of the accounts at a time. */
  state(accounts: readonly string[], at: number, rules: readonly PointRule[], chain: string): ComparedState {
    const isFungible = (id: number): boolean =>
      ['erc1155', 'erc20'].includes(this.contracts.find((one) => one.id === id)!.standard);
    return {
      tokens: [...this.owners]
        .map(([key, { owner, since }]) => `${key} ${owner} ${since} ${this.stakers.get(key)?.account ?? null}`)
        .sort(),
      balances: [...this.amounts].map(([key, quantity]) => `${key} ${quantity}`).sort(),
      closed: this.spans
        .filter(({ from, to }) => to !== undefined && to[0] !== from[0])
        .map((one) =>
          [one.contract, one.tokenId, one.account, one.staked, one.quantity, ...one.from, ...(one.to ?? [])].join(' '),
        )
        .sort(),
      open: this.spans
        .filter(({ to }) => to === undefined)
        .map(({ contract, tokenId, account, staked, from }) =>
          isFungible(contract)
            ? `${contract}/${account}/${tokenId} false ${from.join(' ')}`
            : `${contract}/${tokenId} ${account} ${staked} ${from.join(' ')}`,
        )
        .sort(),
      points: accounts.map((account) => this.numerator(account, at, rules, chain)),
      errors: this.errors,
    };
  }

  private take(event: ChainEvent): void {
    const here = this.contracts.find(({ address }) => address === event.contract)!;
    if (this.tx !== event.transactionHash) {
      this.tx = event.transactionHash;
      this.atStart = new Map([...this.owners].map(([key, { owner }]) => [key, owner]));
    }
    const error =
      here.standard === 'erc1155' || here.standard === 'erc20' ? this.amount(here, event) : this.token(here, event);
    if (error !== null) this.errors.push(`${event.blockNumber}:${event.logIndex} ${error}`);
  }

  private token(here: NaiveContract, event: ChainEvent): string | null {
    if (event.kind === 'Stake' || event.kind === 'Unstake') return this.staking(here, event);
    const ids = Array.from({ length: Number(event.quantity) }, (_, at) => event.startTokenId! + BigInt(at));
    if (event.from === null && event.to === null) return null;
    for (const id of ids) {
      const owned = this.owners.get(`${here.id}/${id}`);
      if (event.from === null) {
        if (owned !== undefined && owned.owner !== null) return 'already_minted';
      } else if (owned === undefined) {
        if (here.standard === 'batch') return 'not_owner';
      } else if (owned.owner !== event.from) return 'not_owner';
    }
    let moved: string | null = null;
    for (const id of ids) {
      const key = `${here.id}/${id}`;
      const owned = this.owners.get(key);
      if (owned !== undefined && event.from === event.to) continue;
      if (owned === undefined) this.atStart.set(key, event.from);
      const stake = this.stakers.get(key);
      const stays =
        stake !== undefined && stake.tx === event.transactionHash && this.stakesFor(here).includes(event.to!);
      if (stake !== undefined && !stays) {
        moved = 'staked_token_moved';
        this.stakers.delete(key);
      }
      this.settle(here, id, event, event.to);
    }
    return moved;
  }

  private staking(here: NaiveContract, event: ChainEvent): string | null {
    const tokens = this.contracts.find(({ address }) => address === (here.token ?? here.address))!;
    const key = `${tokens.id}/${event.startTokenId}`;
    const stake = this.stakers.get(key);
    const owned = this.owners.get(key);
    const account = event.staker!;
    if (event.kind === 'Stake') {
      if (owned === undefined) return 'not_owner';
      if (stake !== undefined) return stake.account === account ? 'already_staked' : 'staked_by_other';
      if (owned.owner !== account && this.atStart.get(key) !== account) return 'not_owner';
      this.stakers.set(key, { account, tx: event.transactionHash });
    } else {
      if (stake === undefined) return 'not_staked';
      if (stake.account !== account) return 'staked_by_other';
      this.stakers.delete(key);
    }
    this.settle(tokens, event.startTokenId!, event, owned!.owner);
    return null;
  }

  /** Contracts into which a token of `tokens` may move while it is being staked. */
  private stakesFor(tokens: NaiveContract): Address[] {
    return this.contracts
      .filter(({ address, token }) => token === tokens.address || (token === null && address === tokens.address))
      .map(({ address }) => address);
  }

  /** Sets the owner, and begins a new span if somebody else earns now. */
  private settle(tokens: NaiveContract, id: bigint, event: ChainEvent, owner: string | null): void {
    const key = `${tokens.id}/${id}`;
    const before = this.owners.get(key);
    const staker = this.stakers.get(key)?.account;
    const [account, staked] = [staker ?? owner, staker !== undefined];
    const open = this.spans.findLast((one) => one.contract === tokens.id && one.tokenId === id && one.to === undefined);
    const at = Math.max(event.at, this.lastOf(tokens.id, id, null));
    if (open?.account !== account || open?.staked !== staked) {
      if (open !== undefined) open.to = [at, event.blockNumber, event.logIndex];
      this.noteEnd(tokens.id, id, null, at);
      const from = [at, event.blockNumber, event.logIndex] as const;
      if (account !== null) {
        this.spans.push({ contract: tokens.id, tokenId: id, account, staked, quantity: 1n, from });
      }
    }
    this.owners.set(key, { owner, since: before !== undefined && before.owner === owner ? before.since : at });
  }

  private amount(here: NaiveContract, event: ChainEvent): string | null {
    const ids = event.tokenIds ?? [event.startTokenId!];
    const quantities = event.quantities ?? [event.quantity!];
    ids.forEach((id, position) => {
      const quantity = quantities[position]!;
      if (event.from !== null) {
        const had = this.amounts.get(`${here.id}/${event.from}/${id}`) ?? 0n;
        this.setAmount(here, event, event.from, id, had > quantity ? had - quantity : 0n);
      }
      if (event.to !== null) {
        const had = this.amounts.get(`${here.id}/${event.to}/${id}`) ?? 0n;
        this.setAmount(here, event, event.to, id, had + quantity);
      }
    });
    return null;
  }

  private setAmount(here: NaiveContract, event: ChainEvent, account: string, id: bigint, quantity: bigint): void {
    const key = `${here.id}/${account}/${id}`;
    if ((this.amounts.get(key) ?? 0n) === quantity) return;
    this.amounts.set(key, quantity);
    const at = Math.max(event.at, this.lastOf(here.id, id, account));
    const open = this.spans.findLast(
      (one) => one.contract === here.id && one.tokenId === id && one.account === account && one.to === undefined,
    );
    if (open !== undefined) open.to = [at, event.blockNumber, event.logIndex];
    this.noteEnd(here.id, id, account, at);
    const from = [at, event.blockNumber, event.logIndex] as const;
    if (quantity > 0n) {
      this.spans.push({ contract: here.id, tokenId: id, account, staked: false, quantity, from });
    }
  }

  private readonly ends = new Map<string, number>();
  private lastOf(contract: number, id: bigint, account: string | null): number {
    return this.ends.get(`${contract}/${account}/${id}`) ?? -Infinity;
  }
  private noteEnd(contract: number, id: bigint, account: string | null, at: number): void {
    this.ends.set(`${contract}/${account}/${id}`, at);
  }
}

/** Sums a rate from one time to another, breakpoint by breakpoint. */
function earned(
  rules: readonly PointRule[],
  chain: string,
  { address, standard }: NaiveContract,
  staked: boolean,
  from: number,
  to: number,
): bigint {
  const times = [from, ...rules.map(({ validFrom }) => validFrom).filter((at) => at > from && at < to), to].sort(
    (a, b) => a - b,
  );
  let sum = 0n;
  for (let at = 1; at < times.length; at++) {
    const start = times[at - 1]!;
    const [newest] = rules
      .filter(({ validFrom, chains }) => validFrom <= start && (chains.length === 0 || chains.includes(chain)))
      .filter(({ contracts }) => (contracts.length === 0 ? standard !== 'erc20' : contracts.includes(address)))
      .sort((a, b) => b.validFrom - a.validFrom || b.version - a.version);
    const rate = newest === undefined ? 0n : staked ? newest.stakedPerDay : newest.heldPerDay;
    sum += rate * BigInt(times[at]! - start);
  }
  return sum;
}
