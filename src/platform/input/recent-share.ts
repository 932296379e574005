/** Slots of the window: a share follows changes in steps of a thirtieth of it. */
const SLOTS = 30;

interface Slot {
  number: number;
  part: number;
  whole: number;
}

/** Share of a part in a whole, such as of failures in attempts, over the last while. Its memory is constant. */
export class RecentShare {
  private readonly slots: Slot[] = [];
  private readonly slotMs: number;

  /** Creates the share of the last `windowMs` milliseconds. */
  constructor(windowMs: number) {
    this.slotMs = windowMs / SLOTS;
  }

  /** Adds to part and whole at a time; times are in milliseconds and do not go back. */
  add(part: number, whole: number, at: number): void {
    const number = Math.floor(at / this.slotMs);
    const last = this.slots.at(-1);
    if (last?.number === number) {
      last.part += part;
      last.whole += whole;
      return;
    }
    this.slots.push({ number, part, whole });
    if (this.slots.length > SLOTS) this.slots.shift();
  }

  /** Returns part and whole of the window that ends at a time. */
  at(at: number): { readonly part: number; readonly whole: number } {
    const oldest = Math.floor(at / this.slotMs) - SLOTS;
    const recent = this.slots.filter(({ number }) => number > oldest);
    return {
      part: recent.reduce((sum, slot) => sum + slot.part, 0),
      whole: recent.reduce((sum, slot) => sum + slot.whole, 0),
    };
  }
}
