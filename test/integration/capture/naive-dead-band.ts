import { STEPS } from '../../../src/events/core/steps.js';

export interface NaiveEvent {
  previous: number;
  current: number;
  moved: number;
}

/** Dead band of one key as the contract describes it, in the simplest form: the triggers are compared with it. */
export class NaiveDeadBand {
  published: number;
  private readonly references: number[];

  constructor(
    public value: number,
    public ratio: number,
    public absolute = 0,
  ) {
    this.published = value;
    this.references = STEPS.map(() => value);
  }

  write(value: number): NaiveEvent | undefined {
    this.value = value;
    return this.check();
  }

  threshold(ratio: number, absolute: number): NaiveEvent | undefined {
    this.ratio = ratio;
    this.absolute = absolute;
    return this.check();
  }

  private check(): NaiveEvent | undefined {
    const change = Math.abs(this.value - this.published);
    if (this.value === this.published) return undefined;
    if (change < (this.ratio - 1e-9) * this.published || change < this.absolute * (1 - 1e-9)) return undefined;
    let moved = 0;
    STEPS.forEach((step, index) => {
      const reference = this.references[index] ?? 0;
      if (this.value !== reference && Math.abs(this.value - reference) >= (step - 1e-9) * reference) moved = step;
    });
    STEPS.forEach((step, index) => {
      if (step <= moved) this.references[index] = this.value;
    });
    const event = { previous: this.published, current: this.value, moved };
    this.published = this.value;
    return event;
  }
}
