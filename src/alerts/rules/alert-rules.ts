import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { Caller } from '../../access/index.js';
import { isoTime, parseTime } from '../../platform/input/time.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { faultyInput, inputFault } from '../../platform/input/faults.js';
import type { RuleFinding } from '../core/index.js';
import { RuleActions } from './rule-actions.js';
import type { RuleDraft } from './rule-draft.js';
import { RuleDrafts } from './rule-drafts.js';
import { RuleEdits } from './rule-edits.js';
import type { ChangeRuleBody, ReplaceRuleBody, RuleBody, SnoozeBody } from './rule.dto.js';
import { ruleOf, type RuleRow } from './rule-row.js';
import { RuleStore, type Author } from './rule-store.js';

/** Rule after a change, and warnings for its owner. */
export interface SavedRuleRow {
  row: RuleRow;
  warnings: readonly RuleFinding[];
}

/**
 * Changes of rules. Each runs in one transaction, which writes the rule, its version, its targets and the edit for the
 * evaluators.
 */
@Injectable()
export class AlertRules {
  constructor(
    private readonly database: Database,
    private readonly store: RuleStore,
    private readonly edits: RuleEdits,
    private readonly actions: RuleActions,
    private readonly drafts: RuleDrafts,
    private readonly clock: Clock,
  ) {}

  async create(caller: Caller, body: RuleBody, idempotencyKey?: string): Promise<SavedRuleRow> {
    const checked = (await this.drafts.maker())(body);
    const { draft } = checked;
    this.mustBeAhead(body.snoozedUntil);
    const row = await this.edit(async (tx) => {
      if (idempotencyKey !== undefined) {
        const made = await this.store.earlier(tx, caller.userId, idempotencyKey, body);
        if (made !== undefined) return this.store.lock(tx, caller.userId, made);
      }
      await this.store.reserve(tx, caller);
      const actions = await this.actions.claim(tx, caller.userId, draft.actions);
      const made = await this.store.insert(tx, caller, { ...draft, actions });
      if (idempotencyKey !== undefined) await this.store.remember(tx, made, idempotencyKey, body);
      return made;
    });
    return { row, warnings: await this.drafts.warned(checked) };
  }

  /** Replaces the given fields; omitted fields keep their values. */
  change(caller: Author, ruleId: string, body: ChangeRuleBody): Promise<SavedRuleRow> {
    return this.write(caller, ruleId, body, (row) => ruleOf(row));
  }

  /** Replaces all fields; omitted fields get their defaults. */
  replace(caller: Caller, ruleId: string, body: ReplaceRuleBody): Promise<SavedRuleRow> {
    return this.write(caller, ruleId, body, () => undefined);
  }

  snooze(caller: Author, ruleId: string, { until, minutes }: SnoozeBody): Promise<SavedRuleRow> {
    if ((until === undefined) === (minutes === undefined)) {
      throw new DomainError('invalid_request', 'Either until or minutes must be given, not both.', { field: 'until' });
    }
    this.mustBeAhead(until, null, 'until');
    const end = minutes === undefined ? until : isoTime(this.clock.now() + minutes * 60_000);
    return this.change(caller, ruleId, { snoozedUntil: end ?? null });
  }

  /** Allows a rule with mode `once` that has fired to fire once more. */
  rearm(caller: Author, ruleId: string): Promise<SavedRuleRow> {
    return this.edit(async (tx) => {
      const { mode } = await this.store.lock(tx, caller.userId, ruleId);
      if (mode === 'once') return { row: await this.store.rearm(tx, caller, ruleId), warnings: [] };
      throw new DomainError('conflict', 'Only a rule in mode `once` can be rearmed.', { field: 'mode' });
    });
  }

  async remove(caller: Caller, ruleId: string): Promise<void> {
    await this.edit(
      async (tx) => this.store.remove(tx, caller, await this.store.lock(tx, caller.userId, ruleId)),
      ruleId,
    );
  }

  private async write(
    caller: Author,
    ruleId: string,
    body: ChangeRuleBody,
    base: (row: RuleRow) => RuleDraft | undefined,
  ): Promise<SavedRuleRow> {
    const draftOf = await this.drafts.maker();
    const { row: changed, checked } = await this.edit(async (tx) => {
      const row = await this.store.lock(tx, caller.userId, ruleId);
      if (body.version !== undefined && body.version !== row.version) {
        const detail = `The rule now has version ${row.version}; read it again and repeat the change.`;
        throw new DomainError('conflict', detail, { field: 'version' });
      }
      refuseReadOnly(body, row);
      this.mustBeAhead(body.snoozedUntil, row.snoozed_until);
      const checked = draftOf(body, base(row));
      const { draft } = checked;
      const actions =
        body.actions === undefined ? draft.actions : await this.actions.claim(tx, caller.userId, draft.actions);
      return { row: await this.store.update(tx, caller, ruleId, { ...draft, actions }), checked };
    }, ruleId);
    return { row: changed, warnings: await this.drafts.warned(checked) };
  }

  /** Refuses a snooze that has already ended, unless it equals the stored one. */
  private mustBeAhead(until: string | null | undefined, stored: Date | null = null, field = 'snoozedUntil'): void {
    if (typeof until !== 'string') return;
    const end = parseTime(until, this.clock.now()) ?? 0;
    if (end > this.clock.now() || end === stored?.getTime()) return;
    const detail = `${field} must be in the future`;
    throw inputFault('invalid_request', `/${field}`, 'out_of_range', detail);
  }

  /** Runs an edit in a transaction. `ruleId`: id of the rule, if it already exists. */
  private async edit<T>(work: (tx: PoolClient) => Promise<T>, ruleId?: string): Promise<T> {
    const result = await this.database.transaction(work);
    this.edits.committed();
    if (ruleId !== undefined) await this.store.settled(ruleId);
    return result;
  }
}

/** Refuses read-only fields that differ from the stored rule. */
function refuseReadOnly({ ruleId, userId, createdAt }: ChangeRuleBody, row: RuleRow): void {
  const given = [
    ['ruleId', ruleId, row.rule_id],
    ['userId', userId, row.user_id],
    ['createdAt', createdAt && parseTime(createdAt, 0), row.created_at.getTime()],
  ] as const;
  const faults = given.flatMap(([field, value, stored]) =>
    value === undefined || value === stored
      ? []
      : [{ pointer: `/${field}`, code: 'read_only', detail: `${field} is set by the server and cannot be changed` }],
  );
  if (faults.length > 0) throw faultyInput(faults);
}
