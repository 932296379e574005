/** Steps and default threshold of TVL from the public contract, deliberately written down a second time. */
const STEPS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const THRESHOLD = 0.01;
const TOLERANCE = 1e-9;

const left = (value: number, reference: number, ratio: number): boolean =>
  Math.abs(value - reference) >= (ratio - TOLERANCE) * reference;

/**
 * Computes what the database must publish, in a slow and simple way, from the writer's own record: the last published
 * value of each key and one reference per step. The bench checks deliveries against this, never against the service's
 * log.
 */
export class NaiveDeadBand {
  private published: number;
  private readonly references: number[];

  constructor(baseline: number) {
    this.published = baseline;
    this.references = STEPS.map(() => baseline);
  }

  /** Returns the event's `moved`; undefined if the write publishes nothing. */
  write(value: number): number | undefined {
    if (!left(value, this.published, THRESHOLD)) return undefined;
    this.published = value;
    const largest = STEPS.findLastIndex((step, index) => left(value, this.references[index] ?? value, step));
    this.references.fill(value, 0, largest + 1);
    return STEPS[largest] ?? 0;
  }
}
