import { Injectable } from '@nestjs/common';
import { DeadBands } from '../../events/index.js';
import type { RuleFinding } from '../core/index.js';
import { draftOf, type RuleDraft } from './rule-draft.js';
import type { ChangeRuleBody, RuleBody } from './rule.dto.js';
import { UnseenSubjects } from './unseen-subjects.js';

interface CheckedDraft {
  readonly draft: RuleDraft;
  readonly warnings: readonly RuleFinding[];
}

/** Drafts of rules from requests, with warnings from the current market values. */
@Injectable()
export class RuleDrafts {
  constructor(
    private readonly deadBands: DeadBands,
    private readonly unseen: UnseenSubjects,
  ) {}

  /**
   * Returns a function that makes drafts. Must be called before a transaction begins, because it may have to read dead
   * bands.
   */
  async maker(): Promise<(body: RuleBody | ChangeRuleBody, base?: RuleDraft) => CheckedDraft> {
    const deadBand = await this.deadBands.current();
    return (body, base) => {
      const { draft, warnings } = draftOf(body, base, deadBand);
      return { draft, warnings };
    };
  }

  /** Returns the warnings of a draft, with those about unknown names. */
  async warned({ draft, warnings }: CheckedDraft): Promise<RuleFinding[]> {
    return [...warnings, ...(await this.unseen.warnings(draft))];
  }
}
