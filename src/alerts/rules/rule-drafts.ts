import { Injectable } from '@nestjs/common';
import { DeadBands } from '../evaluation/dead-bands.js';
import type { RuleFinding } from '../core/index.js';
import { draftOf, type RuleDraft } from './rule-draft.js';
import type { ChangeRuleBody, RuleBody } from './rule.dto.js';
import { UnseenSubjects } from './unseen-subjects.js';

export interface CheckedDraft {
  readonly draft: RuleDraft;
  readonly warnings: readonly RuleFinding[];
}

/** Rules as requests describe them, with what is known of the market said of them. */
@Injectable()
export class RuleDrafts {
  constructor(
    private readonly deadBands: DeadBands,
    private readonly unseen: UnseenSubjects,
  ) {}

  /** Makes drafts; to be asked for before a transaction begins, since it may have to read settings. */
  async maker(): Promise<(body: RuleBody | ChangeRuleBody, base?: RuleDraft) => CheckedDraft> {
    const deadBand = await this.deadBands.current();
    return (body, base) => {
      const { draft, warnings } = draftOf(body, base, deadBand);
      return { draft, warnings };
    };
  }

  /** The warnings of a draft, with those about names that nobody knows. */
  async warned({ draft, warnings }: CheckedDraft): Promise<RuleFinding[]> {
    return [...warnings, ...(await this.unseen.warnings(draft))];
  }
}
