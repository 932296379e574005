/**
 * Starts `work` at a fixed rate, whether or not earlier ones have ended, and resolves when all have: milliseconds each
 * took. One that could not start in time because this process was behind counts from when it was due.
 */
export async function repeatAt(perSecond: number, seconds: number, work: () => Promise<void>): Promise<Float64Array> {
  const took = new Float64Array(Math.round(perSecond * seconds));
  const started = performance.now();
  const running: Promise<void>[] = [];
  for (let n = 0; n < took.length; n += 1) {
    const due = started + (n / perSecond) * 1_000;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const from = wait > 0 ? performance.now() : due;
    running.push(work().then(() => void took.fill(performance.now() - from, n, n + 1)));
  }
  await Promise.all(running);
  return took;
}
