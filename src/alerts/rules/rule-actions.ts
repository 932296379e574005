import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inputFault } from '../../platform/input/faults.js';
import { Targets, Templates } from '../../notifications/index.js';
import type { RuleAction } from '../core/index.js';

/** Checks the actions of a rule: registers their targets, and verifies that their templates exist. */
@Injectable()
export class RuleActions {
  constructor(
    private readonly targets: Targets,
    private readonly templates: Templates,
  ) {}

  /**
   * Returns the actions with their targets in normal form. Refuses an action that names something the user cannot use,
   * with the JSON pointer to it.
   */
  async claim(tx: PoolClient, userId: string, actions: readonly RuleAction[]): Promise<RuleAction[]> {
    const claimed: RuleAction[] = [];
    for (const [index, action] of actions.entries()) {
      if (action.template !== undefined && !(await this.templates.exists(userId, action.template))) {
        throw inputFault(
          'invalid_request',
          `/actions/${index}/template`,
          'unknown_template',
          `Template ${action.template} not found.`,
        );
      }
      const { target } = await this.targets
        .claim(tx, userId, action.type, action.target)
        .catch((error: unknown) => Promise.reject(atTarget(error, index)));
      await this.checkFormat(userId, { ...action, target }, index);
      claimed.push({ ...action, target });
    }
    return claimed;
  }

  /**
   * Refuses a format that does not fit the target. Renders a user's own JSON template once, so that its errors appear
   * now.
   */
  private async checkFormat(userId: string, action: RuleAction, index: number): Promise<void> {
    const pointer = `/actions/${index}/format`;
    try {
      this.targets.checkFormat(action);
    } catch (error) {
      throw error instanceof DomainError
        ? inputFault('invalid_request', pointer, 'invalid_format', error.message, { cause: error })
        : error;
    }
    if (action.format !== 'json' || action.template === undefined) return;
    const { text } = await this.templates.preview(userId, { template: action.template });
    try {
      JSON.parse(text);
    } catch (cause) {
      const detail = `The template ${action.template} renders no valid JSON with an example alert.`;
      throw inputFault('invalid_request', `/actions/${index}/template`, 'invalid_json', detail, { cause });
    }
  }
}

/** Returns the refusal of a target with the JSON pointer to its action. */
function atTarget(error: unknown, index: number): unknown {
  if (!(error instanceof DomainError) || error.code !== 'invalid_request') return error;
  const code = error.errors?.[0]?.code ?? 'invalid_target';
  return inputFault('invalid_request', `/actions/${index}/target`, code, error.message, { cause: error });
}
