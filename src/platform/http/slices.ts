/** Work of one slice, milliseconds: what arrives meanwhile waits no longer than this and the step it is in. */
const MAX_SLICE_MS = 8;

/** Who waits for a turn of the event loop. One goes on per turn, in order, however many there are. */
class Turns {
  private readonly waiting: (() => void)[] = [];
  private isRunning = false;

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      if (this.isRunning) return;
      this.isRunning = true;
      setImmediate(() => this.step());
    });
  }

  private step(): void {
    const resolve = this.waiting.shift();
    this.isRunning = resolve !== undefined;
    if (resolve === undefined) return;
    resolve();
    setImmediate(() => this.step());
  }
}

const turns = new Turns();

/** Waits for a turn of the event loop that nobody else here uses for a slice of work. */
export function ownTurn(): Promise<void> {
  return turns.next();
}

/** Everything that the work yields. It is done in slices of a few milliseconds, of which the process does one per turn. */
export async function inSlices<T>(work: Iterable<T>): Promise<T[]> {
  const done: T[] = [];
  await turns.next();
  let end = performance.now() + MAX_SLICE_MS;
  for (const part of work) {
    done.push(part);
    if (performance.now() < end) continue;
    await turns.next();
    end = performance.now() + MAX_SLICE_MS;
  }
  return done;
}
