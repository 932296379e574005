import type { InstanceBook } from '../table/instance-book.js';
import type { LeafTable } from '../table/leaf-table.js';
import { readingsOf } from './readings.js';
import type { RuleTable } from '../table/rule-table.js';
import type { Farewell, SavedInstance } from '../saved-state.js';
import type { Series } from '../index/series.js';
import type { Moment, TransitionList } from './transition-list.js';
import { kindOf } from '../rule/watched-number.js';

/** Number that represents an instance: that of the first condition that holds, otherwise of the rule's first condition. */
interface Lead {
  readonly series: Series;
  readonly kind: ReturnType<typeof kindOf>;
}

/** State of an instance when its rule is edited, as its owner knows it from notifications. */
export interface Belief {
  readonly saved: SavedInstance;
  readonly lead: Lead | undefined;
  /**
   * Resolution to send with the instance's last values, if the owner was notified of a firing that has not been resolved.
   */
  readonly farewell: Farewell | undefined;
}

/** State of a rule's instances as its owner knows it from notifications, and its transfer to an edited rule. */
export class Beliefs {
  constructor(
    private readonly rules: RuleTable,
    private readonly leaves: LeafTable,
    private readonly instances: InstanceBook,
    private readonly list: TransitionList,
  ) {}

  /** Returns the belief for the base and every instance that is not at rest; to be called before the rule is removed. */
  of(rule: number): Belief[] {
    return this.instances.all(rule).map((row) => {
      const saved = this.instances.table.saved(row, this.rules.id(rule));
      const isBelieved = saved.notified || saved.owed;
      return { saved, lead: this.lead(rule, row), farewell: isBelieved ? this.farewell(rule, row, saved) : undefined };
    });
  }

  /** Whether the edited rule still watches the same number in the same instance. */
  isWatched(rule: number, { saved, lead }: Belief): boolean {
    if (!lead || !this.instances.isKeyOf(rule, saved.instanceKey)) return false;
    for (const leaf of this.leaves.of(rule)) {
      const quantity = this.leaves.numberScope(leaf)?.quantityOf(saved.instanceKey);
      if (quantity?.series === lead.series && kindOf(quantity.windowMs) === lead.kind) return true;
    }
    return false;
  }

  /**
   * Applies a belief after an edit of the rule: a notified firing continues if the rule still watches its subject
   * (`isWatched`) and holds; otherwise it is resolved with its last values.
   */
  carryOver(rule: number, { saved, farewell }: Belief, isWatched: boolean, moment: Moment): void {
    if (!farewell) return;
    const { table } = this.instances;
    const row = isWatched ? this.instances.obtain(rule, saved.instanceKey) : undefined;
    if (row !== undefined && this.rules.isTrue(rule, this.instances.held(row))) {
      table.setPhase(row, 'firing', saved.phase === 'firing' ? saved.since : moment.at);
      table.setAssumed(row, false);
      table.setNotified(row, true);
    } else if (this.rules.notifiesResolution(rule)) {
      const isSnoozed = this.rules.isSnoozed(rule, moment.at);
      this.list.bidFarewell(rule, farewell, moment, isSnoozed ? 'snoozed' : null);
      if (!isSnoozed) return;
      if (row === undefined) this.rules.farewells.set(rule, [...this.rules.farewells.get(rule), farewell]);
      else {
        table.setOwed(row, true);
        table.markDirty(row);
      }
    }
  }

  /**
   * Sends resolutions of firings that an edit ended while the rule was snoozed, before any other transition of these
   * rules.
   */
  notifyFarewells(moment: Moment): void {
    if (this.rules.farewells.isEmpty) return;
    for (const rule of this.rules.farewells.rows) {
      if (this.rules.silentUntil(rule) > moment.at) continue;
      const farewells = this.rules.notifiesResolution(rule) ? this.rules.farewells.get(rule) : [];
      this.rules.farewells.delete(rule);
      this.rules.markDirty(rule);
      for (const farewell of farewells) this.list.bidFarewell(rule, farewell, moment, null);
    }
  }

  private lead(rule: number, row: number): Lead | undefined {
    const held = this.instances.held(row);
    const key = this.instances.table.key(row);
    let first: Lead | undefined;
    for (const leaf of this.leaves.of(rule)) {
      const quantity = this.leaves.numberScope(leaf)?.quantityOf(key);
      if (!quantity) continue;
      const lead = { series: quantity.series, kind: kindOf(quantity.windowMs) };
      if ((held & this.leaves.bit(leaf)) !== 0) return lead;
      first ??= lead;
    }
    return first;
  }

  private farewell(rule: number, row: number, { instanceKey, since }: SavedInstance): Farewell {
    const readings = readingsOf(row, null, this.leaves, this.instances);
    return { instanceKey, ruleVersion: this.rules.version(rule), since: since || null, readings };
  }
}
