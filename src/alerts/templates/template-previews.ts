import { Injectable } from '@nestjs/common';
import { Templates, type PreviewedMessage } from '../../notifications/index.js';
import { AlertHistory } from '../history/alert-history.js';
import { RuleReads } from '../rules/rule-reads.js';
import type { PreviewBody } from './preview.dto.js';

/** Previews of templates, rendered with stored alerts. */
@Injectable()
export class TemplatePreviews {
  constructor(
    private readonly templates: Templates,
    private readonly history: AlertHistory,
    private readonly rules: RuleReads,
  ) {}

  async preview(userId: string, { ruleId, ...request }: PreviewBody): Promise<PreviewedMessage> {
    if (ruleId === undefined) return this.templates.preview(userId, request);
    const alert = await this.history.newest(userId, ruleId);
    // Throws if the rule does not belong to the user.
    if (alert === undefined) await this.rules.row(userId, ruleId);
    return this.templates.preview(userId, { ...request, ...(alert === undefined ? {} : { alert }) });
  }
}
