import { Records } from '../structures/column.js';

const FIRST_SLOTS = 256;
/** Maximum share of occupied slots; above it, the search for a free slot takes too long. */
const FULL = 0.6;
/** Number of cached texts, a power of two. A changed rule is notified and stored, so its id is needed several times. */
const RECENT = 16_384;
const TEXT_LENGTH = 36;
const DASH = 0x2d;
const DASHES: ReadonlySet<number> = new Set([8, 13, 18, 23]);
/** Positions of the hexadecimal digits in the text of a UUID, in order. */
const POSITIONS = Uint8Array.from({ length: TEXT_LENGTH }, (_, at) => at).filter((at) => !DASHES.has(at));
const DIGITS = '0123456789abcdef';
const CODES = Uint8Array.from(DIGITS, (digit) => digit.charCodeAt(0));
/** Value of a character as a digit; −1 for other characters. */
const VALUES = Int8Array.from({ length: 128 }, (_, code) => DIGITS.indexOf(String.fromCharCode(code)));

/**
 * Rows of rules by their ids, and ids by row. Ids of stored rules are UUIDs: packed into records, with a hash table of
 * row numbers, they take 24 bytes each. As strings in a `Map` they would take 110 bytes, and the garbage collector would
 * visit them.
 */
export class RuleIds {
  private readonly packed = new Records({ ints: 4 });
  /** Row + 1, in the slot of the id's hash or in a later one; 0: the slot is free. */
  private slots = new Int32Array(FIRST_SLOTS);
  private used = 0;
  private read = 0;
  /** Rows of ids that are not lower-case UUIDs. */
  private readonly rowsOfOthers = new Map<string, number>();
  private readonly others = new Map<number, string>();
  /** Row + 1 and text of the id last read in each slot of the cache. */
  private readonly recentRows = new Int32Array(RECENT);
  private readonly recentTexts: string[] = [];
  private readonly wanted = new Int32Array(4);
  private readonly text = Buffer.alloc(TEXT_LENGTH, DASH);

  get size(): number {
    return this.used + this.rowsOfOthers.size;
  }

  row(id: string): number | undefined {
    if (!this.parse(id)) return this.rowsOfOthers.get(id);
    const entry = this.slots[this.find()] ?? 0;
    return entry === 0 ? undefined : entry - 1;
  }

  /** Returns the id of a row that has one. */
  id(row: number): string {
    const slot = row & (RECENT - 1);
    const recent = this.recentRows[slot] === row + 1 ? this.recentTexts[slot] : undefined;
    if (recent !== undefined) return recent;
    const text = (this.others.size > 0 ? this.others.get(row) : undefined) ?? this.format(row);
    this.recentRows[slot] = row + 1;
    this.recentTexts[slot] = text;
    return text;
  }

  /**
   * Prefetches ids; to be called before `id` of many rows; `rowOf` returns the row of an item. The processor fetches many
   * rows at once if it has no other work between them, and rows of a million are seldom in its cache.
   */
  fetch(items: readonly number[], rowOf: (item: number) => number): void {
    const { ints } = this.packed;
    let read = 0;
    for (const item of items) read ^= ints[4 * rowOf(item)] ?? 0;
    this.read = read;
  }

  /** Adds an id that no row has yet. */
  add(id: string, row: number): void {
    if (!this.parse(id)) {
      this.rowsOfOthers.set(id, row);
      this.others.set(row, id);
      return;
    }
    if (this.used >= this.slots.length * FULL) this.grow();
    this.packed.reserve(row);
    this.packed.ints.set(this.wanted, 4 * row);
    this.slots[this.find()] = row + 1;
    this.used += 1;
  }

  remove(row: number): void {
    this.recentRows[row & (RECENT - 1)] = 0;
    const other = this.others.get(row);
    if (other === undefined) {
      this.want(row);
      this.vacate(this.find());
      this.used -= 1;
    } else {
      this.others.delete(row);
      this.rowsOfOthers.delete(other);
    }
  }

  /** Returns the slot of the id in `wanted`, or the free slot for it. */
  private find(): number {
    const { slots } = this;
    for (let slot = this.home(); ; slot = (slot + 1) & (slots.length - 1)) {
      const entry = slots[slot] ?? 0;
      if (entry === 0 || this.isWanted(entry - 1)) return slot;
    }
  }

  /** Returns the slot to which the hash of the id in `wanted` maps. */
  private home(): number {
    let hash = 0;
    for (let part = 0; part < 4; part += 1) {
      hash = Math.imul(hash ^ (hash >>> 15) ^ (this.wanted[part] ?? 0), 0x2c1b3c6d);
    }
    return (hash ^ (hash >>> 15)) & (this.slots.length - 1);
  }

  /** Frees a slot and closes the gap, because a search stops at a free slot and would miss entries after it. */
  private vacate(slot: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    slots[slot] = 0;
    for (let next = (slot + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const entry = slots[next] ?? 0;
      slots[next] = 0;
      this.want(entry - 1);
      slots[this.find()] = entry;
    }
  }

  private grow(): void {
    const before = this.slots;
    this.slots = new Int32Array(2 * before.length);
    const adding = this.wanted.slice();
    for (const entry of before) {
      if (entry === 0) continue;
      this.want(entry - 1);
      this.slots[this.find()] = entry;
    }
    this.wanted.set(adding);
  }

  private want(row: number): void {
    const { ints } = this.packed;
    for (let part = 0; part < 4; part += 1) this.wanted[part] = ints[4 * row + part] ?? 0;
  }

  private isWanted(row: number): boolean {
    const { ints } = this.packed;
    for (let part = 0; part < 4; part += 1) if (ints[4 * row + part] !== this.wanted[part]) return false;
    return true;
  }

  /** Parses an id into `wanted`; returns false if it is not a lower-case UUID. */
  private parse(id: string): boolean {
    if (id.length !== TEXT_LENGTH) return false;
    for (const dash of DASHES) if (id.charCodeAt(dash) !== DASH) return false;
    for (let part = 0; part < 4; part += 1) {
      let bits = 0;
      for (let digit = 8 * part; digit < 8 * part + 8; digit += 1) {
        const value = VALUES[id.charCodeAt(POSITIONS[digit] ?? 0)] ?? -1;
        if (value < 0) return false;
        bits = (bits << 4) | value;
      }
      this.wanted[part] = bits;
    }
    return true;
  }

  private format(row: number): string {
    const { ints } = this.packed;
    for (let digit = 0; digit < 32; digit += 1) {
      const bits = ints[4 * row + (digit >> 3)] ?? 0;
      this.text[POSITIONS[digit] ?? 0] = CODES[(bits >>> (28 - 4 * (digit & 7))) & 15] ?? 0;
    }
    return this.text.toString('latin1');
  }
}
