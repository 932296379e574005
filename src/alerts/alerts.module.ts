import { AlertHistoryWriter } from './evaluation/alert-history-writer.js';
import { Module } from '@nestjs/common';
import { NotificationsModule } from '../notifications/index.js';
import { BacktestController } from './backtest/backtest.controller.js';
import { Backtests } from './backtest/backtests.js';
import { AlertEvaluation } from './evaluation/alert-evaluation.js';
import { AlertMetrics } from './evaluation/alert-metrics.js';
import { HistoryLoader } from './evaluation/history-loader.js';
import { LogTail } from './evaluation/log-tail.js';
import { LogRows } from './evaluation/log-rows.js';
import { Observations } from './evaluation/observations.js';
import { RuleLoader } from './evaluation/rule-loader.js';
import { ShardCommits } from './evaluation/shard-commits.js';
import { ShardLeases } from './evaluation/shard-leases.js';
import { ShardRules } from './evaluation/shard-rules.js';
import { ShardStore } from './evaluation/shard-store.js';
import { ShardWorkshop } from './evaluation/shard-workshop.js';
import { WindowLoader } from './evaluation/window-loader.js';
import { TransitionWriter } from './evaluation/transition-writer.js';
import { AlertHistory } from './history/alert-history.js';
import { AlertHistoryController } from './history/alert-history.controller.js';
import { HistoryRetention } from './history/history-retention.js';
import { PreferencesController } from './preferences/preferences.controller.js';
import { AlertRules } from './rules/alert-rules.js';
import { RuleActions } from './rules/rule-actions.js';
import { RuleDrafts } from './rules/rule-drafts.js';
import { RuleEdits } from './rules/rule-edits.js';
import { RuleStates } from './rules/rule-states.js';
import { RuleReads } from './rules/rule-reads.js';
import { RuleStore } from './rules/rule-store.js';
import { RuleUsage } from './rules/rule-usage.js';
import { RuleTests } from './rules/rule-tests.js';
import { RulesController } from './rules/rules.controller.js';
import { SnoozeLinks } from './rules/snooze-links.js';
import { SnoozeLinksController } from './rules/snooze-links.controller.js';
import { UnseenSubjects } from './rules/unseen-subjects.js';
import { TemplatePreviewController } from './templates/preview.controller.js';
import { TemplatePreviews } from './templates/template-previews.js';

const RULES = [
  AlertRules,
  RuleActions,
  RuleDrafts,
  RuleEdits,
  RuleReads,
  RuleStates,
  RuleStore,
  RuleTests,
  RuleUsage,
  SnoozeLinks,
  UnseenSubjects,
];
const EVALUATION = [
  AlertEvaluation,
  AlertHistoryWriter,
  AlertMetrics,
  HistoryLoader,
  LogTail,
  WindowLoader,
  LogRows,
  Observations,
  RuleLoader,
  ShardCommits,
  ShardLeases,
  ShardRules,
  ShardStore,
  ShardWorkshop,
  TransitionWriter,
];

/** Rules of users over the event log: storage, evaluation, backtests, notifications. */
@Module({
  imports: [NotificationsModule],
  controllers: [
    BacktestController,
    RulesController,
    SnoozeLinksController,
    AlertHistoryController,
    PreferencesController,
    TemplatePreviewController,
  ],
  providers: [...RULES, ...EVALUATION, AlertHistory, HistoryRetention, Backtests, TemplatePreviews],
  exports: [RuleUsage],
})
export class AlertsModule {}
