import { hashOf } from '../data/chain-rows.js';

/** Event as a test posts it; `from` is the staker of stakes. */
export interface Posted {
  readonly type: string;
  readonly contract: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly transactionHash: string;
  readonly logIndex: number;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly first: bigint;
  readonly quantity: bigint;
  readonly from: string;
  readonly to: string;
  readonly removed: boolean;
}

interface Span {
  account: string;
  staked: boolean;
  from: number;
  to: number | undefined;
}

interface Token {
  owner: string | null;
  staker: string | null;
  tx: string;
  atStart: string | null;
  span: Span | undefined;
}

const MICRO_PER_MS = { staked: 86_400_000_000n, held: 8_640_000_000n };

/**
 * Naive chain that a writer feeds: a list of canonical events, replayed from the beginning for every answer. Staked tokens earn
 * 86,400 points a day, held ones a tenth of that.
 */
export class FedHistory {
  final = -1;
  private readonly blocks = new Map<number, { hash: string; at: number }>();
  private events: Posted[] = [];
  private readonly times = new Map<string, number>();
  private hashes = 0;

  constructor(private readonly depth: number) {}

  get head(): number {
    return Math.max(-1, ...this.blocks.keys());
  }

  stored(): readonly Posted[] {
    return this.events;
  }

  hashOf(block: number): string | undefined {
    return this.blocks.get(block)?.hash;
  }

  freshHash(block: number, branch = 'a'): string {
    return this.blocks.get(block) !== undefined && branch === 'a'
      ? this.blocks.get(block)!.hash
      : hashOf(block, branch);
  }

  /** Seconds after the start; now and then a block is older than the one before it. */
  timeOf(block: number, hash: string, random: (below: number) => number): number {
    const known = this.times.get(hash);
    if (known !== undefined) return known;
    const at = Math.max(0, block - (random(4) === 0 ? random(6) : 0));
    this.times.set(hash, at);
    return at;
  }

  /** Takes a request; returns the rejections, as `index code`. */
  take(items: readonly Posted[]): string[] {
    const rejected: [number, string][] = [];
    let run: { ancestor?: number; events: [number, Posted][]; retracted: number[] } = { events: [], retracted: [] };
    const runs = [run];
    const local = new Map<number, string>();
    let replacedFrom = Infinity;
    for (const [index, item] of items.entries()) {
      const block = item.blockNumber;
      const known = local.get(block) ?? (block < replacedFrom ? this.hashOf(block) : undefined);
      if (item.removed ? known === item.blockHash : known !== undefined && known !== item.blockHash) {
        runs.push((run = { ancestor: block - 1, events: [], retracted: [] }));
        replacedFrom = Math.min(replacedFrom, block);
        for (const each of local.keys()) if (each >= block) local.delete(each);
      }
      if (item.removed) run.retracted.push(index);
      else {
        local.set(block, item.blockHash);
        run.events.push([index, item]);
      }
    }
    for (const each of runs) this.takeRun(each, rejected);
    return rejected.sort(([a], [b]) => a - b).map(([index, code]) => `${index} ${code}`);
  }

  private takeRun(
    { ancestor, events, retracted }: { ancestor?: number; events: [number, Posted][]; retracted: number[] },
    rejected: [number, string][],
  ): void {
    const seen = new Map<string, Posted>();
    const own: [number, Posted][] = [];
    for (const [index, event] of events) {
      const key = `${event.blockHash} ${event.logIndex}`;
      const first = seen.get(key);
      if (first === undefined) {
        seen.set(key, event);
        own.push([index, event]);
      } else if (content(first) !== content(event)) rejected.push([index, 'conflict']);
    }
    const isAbove = ([, event]: [number, Posted]): boolean => ancestor !== undefined && event.blockNumber > ancestor;
    if (ancestor !== undefined) {
      if (ancestor < this.final) {
        for (const index of [...retracted, ...own.filter(isAbove).map(([at]) => at)])
          rejected.push([index, 'out_of_order']);
      } else {
        this.events = this.events.filter(({ blockNumber }) => blockNumber <= ancestor);
        for (const block of this.blocks.keys()) if (block > ancestor) this.blocks.delete(block);
        this.store(own.filter(isAbove), rejected, Math.max(-1, ...own.filter(isAbove).map(([, e]) => e.blockNumber)));
      }
    }
    this.store(
      own.filter((each) => !isAbove(each)),
      rejected,
      this.head,
    );
  }

  private store(events: readonly [number, Posted][], rejected: [number, string][], newest: number): void {
    if (events.length === 0) return;
    const known = new Map(this.gone.map((event) => [`${event.blockHash} ${event.logIndex}`, event]));
    const canonical = new Set(this.events.map((event) => `${event.blockHash} ${event.logIndex}`));
    let top = newest;
    const head = this.head;
    for (const [index, event] of events) {
      const key = `${event.blockHash} ${event.logIndex}`;
      const other = known.get(key);
      if (other !== undefined && content(other) !== content(event)) rejected.push([index, 'conflict']);
      else if (canonical.has(key)) continue;
      else if (event.blockNumber <= this.final && event.blockNumber <= head) rejected.push([index, 'out_of_order']);
      else {
        top = Math.max(top, event.blockNumber);
        const { blockNumber, blockHash } = event;
        if (!this.blocks.has(blockNumber)) {
          this.blocks.set(blockNumber, { hash: blockHash, at: Math.max(event.timestamp, 0) });
          // Events of a block that comes back are canonical again with it.
          for (const back of this.gone) if (back.blockHash === blockHash) this.events.push(back);
        }
        if (!this.events.some((each) => `${each.blockHash} ${each.logIndex}` === key)) {
          this.events.push(event);
          if (other === undefined) this.gone.push(event);
        }
      }
    }
    this.events.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
    const below = [...this.blocks.keys()].filter((block) => block <= top - this.depth);
    this.final = Math.max(this.final, ...below);
  }

  /** Every event that was ever stored. */
  private readonly gone: Posted[] = [];

  state(): { events: string[]; tokens: string[]; board: string[] } {
    const now = this.replay(Infinity);
    const accounts = new Set(now.spans.map(({ account }) => account));
    const final = this.replay(this.final);
    const points = (spans: readonly Span[], account: string, at: number): bigint =>
      sum(
        spans.filter((span) => span.account === account),
        at,
      ) / 86_400_000n;
    const rows = [...accounts].map((account) => ({
      account,
      points: points(now.spans, account, this.timeAt(Infinity)),
      final: points(final.spans, account, this.timeAt(this.final)),
    }));
    rows.sort((a, b) => (a.points === b.points ? (a.account < b.account ? -1 : 1) : a.points > b.points ? -1 : 1));
    return {
      events: this.events.map(
        (event, at) =>
          `${event.blockNumber}.${event.logIndex} ${event.type} ${event.blockNumber <= this.final ? 'final' : 'pending'} true ${now.errors[at]}`,
      ),
      tokens: [...now.tokens]
        .filter(([, { owner }]) => owner !== null)
        .map(([key, { owner, staker }]) => `${key} ${owner} ${staker}`)
        .sort(),
      board: rows.map((row) => [row.account, decimal(row.points), decimal(row.final)].join(' ')),
    };
  }

  numerator(account: string, at: number): bigint {
    const limit = Math.min(at, this.timeAt(Infinity));
    const spans = this.replay(Infinity).spans.filter((span) => span.account === account && span.from < limit);
    return sum(
      spans.map((span) => ({ ...span, to: Math.min(span.to ?? limit, limit) })),
      limit,
    );
  }

  /** Time up to which points accrue: the newest time of all blocks up to there. */
  private timeAt(block: number): number {
    return Math.max(0, ...[...this.blocks].filter(([number]) => number <= block).map(([, { at }]) => at * 1_000));
  }

  private replay(upTo: number): { tokens: Map<string, Token>; spans: Span[]; errors: (string | null)[] } {
    const tokens = new Map<string, Token>();
    const spans: Span[] = [];
    const errors = this.events
      .filter(({ blockNumber }) => blockNumber <= upTo)
      .map((event) => apply(event, tokens, spans));
    return { tokens, spans, errors };
  }
}

const content = (event: Posted): string =>
  [
    event.contract,
    event.type,
    event.transactionHash,
    event.first,
    event.quantity,
    event.type === 'BatchMint' ? '' : event.from,
    ['BatchMint', 'BatchTransfer'].includes(event.type) ? event.to : '',
  ].join(' ');

function apply(event: Posted, tokens: Map<string, Token>, spans: Span[]): string | null {
  const { type, contract, first, from, to, transactionHash: tx } = event;
  const at = event.timestamp * 1_000;
  const token = (id: bigint): Token | undefined => tokens.get(`${contract} ${id}`);
  const set = (id: bigint, owner: string | null, staker: string | null): void => {
    const before = token(id);
    const span = before?.span;
    const earner = staker ?? owner;
    const goesOn = span !== undefined && earner === span.account && span.staked === (staker !== null);
    let next = span;
    if (!goesOn) {
      const from = Math.max(at, span?.from ?? 0, before?.span?.to ?? 0);
      if (span !== undefined) span.to = from;
      next = earner === null ? undefined : { account: earner, staked: staker !== null, from, to: undefined };
      if (next !== undefined) spans.push(next);
    }
    const atStart = before?.tx === tx ? before.atStart : (before?.owner ?? null);
    tokens.set(`${contract} ${id}`, { owner, staker, tx, atStart, span: next });
  };
  if (type === 'Stake') {
    const row = token(first);
    if (row === undefined) return 'not_owner';
    if (row.staker !== null) return row.staker === from ? 'already_staked' : 'staked_by_other';
    if (row.owner !== from && !(row.tx === tx && row.atStart === from)) return 'not_owner';
    set(first, row.owner, from);
    return null;
  }
  if (type === 'Unstake') {
    const row = token(first);
    if (row === undefined || row.staker === null) return 'not_staked';
    if (row.staker !== from) return 'staked_by_other';
    set(first, row.owner, null);
    return null;
  }
  const ids = Array.from({ length: Number(event.quantity) }, (_, n) => first + BigInt(n));
  const sender = type === 'BatchMint' ? null : from;
  const receiver = type === 'BatchBurn' ? null : to;
  for (const id of ids) {
    const owner = token(id)?.owner ?? null;
    if (sender === null && owner !== null) return 'already_minted';
    if (sender !== null && owner !== sender) return 'not_owner';
  }
  let moved = false;
  for (const id of ids) {
    if (sender === receiver) continue;
    if ((token(id)?.staker ?? null) !== null) moved = true;
    set(id, receiver, null);
  }
  return moved ? 'staked_token_moved' : null;
}

const sum = (spans: readonly Span[], at: number): bigint =>
  spans.reduce(
    (total, { staked, from, to }) =>
      total + (staked ? MICRO_PER_MS.staked : MICRO_PER_MS.held) * BigInt((to ?? at) - from),
    0n,
  );

const decimal = (micro: bigint): string => {
  const text = micro.toString().padStart(7, '0');
  return `${text.slice(0, -6)}.${text.slice(-6)}`.replace(/\.?0+$/, '');
};
