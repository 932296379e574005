/** Returns a random number, uniform in [0, 1). */
export type Random = () => number;

/** mulberry32: small, fast, and equal on all machines. */
export function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ranks with probability proportional to 1 / (rank + 1) ** skew. */
export class Zipf {
  private readonly cumulated: Float64Array;

  constructor(size: number, skew: number) {
    let sum = 0;
    this.cumulated = Float64Array.from({ length: size }, (_, rank) => (sum += (rank + 1) ** -skew));
  }

  pick(uniform: number): number {
    const wanted = uniform * (this.cumulated.at(-1) ?? 0);
    let low = 0;
    let high = this.cumulated.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.cumulated[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export const TOKENS: readonly (readonly [token: string, price: number])[] = [
  ['bitcoin', 92_000],
  ['ethereum', 3_100],
  ['solana', 135],
  ['chainlink', 13.5],
  ['aave', 190],
  ['uniswap', 5.8],
  ['lido-dao', 0.62],
  ['maker', 1_500],
];
