/**
 * Starts `work` at a fixed rate, even if earlier work has not ended, and resolves when all work has ended, with the
 * duration of each in milliseconds. If this process started work late, its duration is counted from the scheduled time.
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
