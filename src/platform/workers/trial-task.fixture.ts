export interface TrialInput {
  do: 'echo' | 'throw' | 'spin' | 'hoard';
  text: string;
}

/** A task for the tests of the pool. */
export function trial({ do: what, text }: TrialInput): string {
  if (what === 'throw') throw new RangeError(text);
  if (what === 'hoard') {
    const kept: number[][] = [];
    for (;;) kept.push(Array.from<number>({ length: 2_000_000 }).fill(kept.length + 0.5));
  }
  if (what === 'spin') for (;;) Math.random();
  return text;
}
