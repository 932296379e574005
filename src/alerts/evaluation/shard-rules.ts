import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Evaluator, type Rule } from '../core/index.js';
import { DeadBands } from './dead-bands.js';
import { HistoryLoader } from './history-loader.js';
import type { AsOf } from './log-tail.js';
import { RuleLoader, type StoredRule } from './rule-loader.js';
import type { ShardPosition } from './shard-store.js';
import { WindowLoader } from './window-loader.js';

/** A shard's rules in memory, as of a position of the log and a revision of the rules. */
export interface LoadedShard {
  evaluator: Evaluator;
  revision: number;
}

/** Brings rules from the store into an evaluator, in slices that leave the event loop free. */
@Injectable()
export class ShardRules {
  constructor(
    private readonly rules: RuleLoader,
    private readonly history: HistoryLoader,
    private readonly windows: WindowLoader,
    private readonly deadBands: DeadBands,
  ) {}

  /**
   * Everything of a shard. The revision is read first: what is edited during the load is found again among the edits.
   * @param cancelled asked between slices; a load that is not wanted any more ends early
   */
  async load(shard: number, position: ShardPosition, cancelled: () => boolean): Promise<LoadedShard> {
    const deadBand = await this.deadBands.current();
    const evaluator = new Evaluator({ deadBand });
    evaluator.seed(await this.history.latest(position), position.clock);
    const revision = (await this.rules.revisions()).get(shard) ?? 0;
    for await (const slice of this.rules.active(shard)) {
      if (cancelled()) break;
      await this.add(evaluator, slice, position);
      await nextTurn();
    }
    return { evaluator, revision };
  }

  /** Applies what was edited up to this revision. The shard's memory must be written before. */
  async edit(loaded: LoadedShard, shard: number, revision: number, asOf: AsOf): Promise<void> {
    await this.deadBands.current();
    const { evaluator } = loaded;
    const fresh: StoredRule[] = [];
    for (const { ruleId, stored } of await this.rules.edits(shard, loaded.revision)) {
      if (stored === undefined) evaluator.removeRule(ruleId);
      else if (evaluator.has(ruleId)) await this.update(evaluator, stored.rule, asOf);
      else fresh.push(stored);
    }
    await this.add(evaluator, fresh, asOf);
    loaded.revision = revision;
    await this.rules.forget(shard, revision);
  }

  private async update(evaluator: Evaluator, rule: Rule, asOf: AsOf): Promise<void> {
    await this.lookBack(evaluator, [rule], asOf);
    evaluator.updateRule(rule);
  }

  private async add(evaluator: Evaluator, stored: readonly StoredRule[], asOf: AsOf): Promise<void> {
    const rules = stored.map(({ rule }) => rule);
    await this.lookBack(evaluator, rules, asOf);
    for (const entry of stored) addStored(evaluator, entry);
  }

  /** Loads the history that the rules' windows need and the evaluator does not hold. */
  private async lookBack(evaluator: Evaluator, rules: readonly Rule[], asOf: AsOf): Promise<void> {
    const needs = rules.flatMap((rule) => evaluator.historyNeeds(rule));
    for await (const page of this.windows.load(needs, asOf, evaluator.clock)) {
      for (const { points, from } of page) evaluator.loadHistory(points, from);
      await nextTurn();
    }
  }
}

/**
 * A rule that was made while the log was waiting to be evaluated: what happened before is not for it to tell. What still
 * holds then fires with the next event, as with every new rule.
 */
function silentUntilMade(rule: Rule): Rule {
  const { createdAt, snoozedUntil } = rule;
  return { ...rule, snoozedUntil: snoozedUntil && snoozedUntil > createdAt ? snoozedUntil : createdAt };
}

/**
 * A rule that was edited since it was last evaluated comes back as it was and is then edited, so that its state stays
 * where the edit allows it. One that was switched off in between only goes on counting: its instances are taken in all
 * the same, to be forgotten by the edit, or what the store has of them would be taken for the new rule's at the next start.
 */
function addStored(evaluator: Evaluator, { rule, saved, before }: StoredRule): void {
  if (saved === undefined) return evaluator.addRule(silentUntilMade(rule));
  if (saved.rule.ruleVersion === rule.version) return evaluator.addRule(rule, saved);
  evaluator.addRule(before ?? { ...rule, forSeconds: rule.forSeconds + 1 }, saved);
  evaluator.updateRule(rule);
}
