/** Shares no factor with usual numbers of keys, so that popular indexes are not adjacent. */
const SCATTER = 1_237;

/**
 * Returns a function that returns indexes from 0 to `count` - 1, popular ones more often: the n-th most popular has 1/n
 * of the first one's share.
 */
export function zipf(count: number, seed: number): () => number {
  const random = generator(seed);
  const shares: number[] = [];
  for (let rank = 1; rank <= count; rank += 1) shares.push((shares.at(-1) ?? 0) + 1 / rank);
  return () => {
    const wanted = random() * (shares.at(-1) ?? 0);
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((shares[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return (low * SCATTER) % count;
  };
}

/**
 * Returns numbers from 0 to 1, equal in every run (linear congruential generator with the constants of Numerical
 * Recipes).
 */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
