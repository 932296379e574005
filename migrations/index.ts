import type { MigrationInterface } from 'typeorm';
import { Capture1790000001000 } from './1790000001000-capture.js';
import { History1790000002000 } from './1790000002000-history.js';
import { Access1790000003000 } from './1790000003000-access.js';
import { DeadLetters1790000004000 } from './1790000004000-dead-letters.js';
import { Queues1790000005000 } from './1790000005000-queues.js';
import { Alerts1790000006000 } from './1790000006000-alerts.js';
import { Notifications1790000007000 } from './1790000007000-notifications.js';
import { Query1790000008000 } from './1790000008000-query.js';
import { Names1790000009000 } from './1790000009000-names.js';
import { ObservationTimes1790000009100 } from './1790000009100-observation-times.js';
import { Removals1790000009200 } from './1790000009200-removals.js';
import { Histories1790000010000 } from './1790000010000-histories.js';
import { DeletedHistories1790000010100 } from './1790000010100-deleted-histories.js';
import { AlertSubjects1790000011000 } from './1790000011000-alert-subjects.js';
import { AlertArming1790000011100 } from './1790000011100-alert-arming.js';
import { StandaloneMessages1790000012000 } from './1790000012000-standalone-messages.js';
import { Sending1790000013000 } from './1790000013000-sending.js';
import { Channels1790000013100 } from './1790000013100-channels.js';
import { StorageBudgets1790000013200 } from './1790000013200-storage-budgets.js';
import { KeptSessions1790000015000 } from './1790000015000-kept-sessions.js';
import { QueryRole1790000016000 } from './1790000016000-query-role.js';
import { Farewells1790000017000 } from './1790000017000-farewells.js';
import { RuleSchedules1790000017100 } from './1790000017100-rule-schedules.js';
import { MoveTypes1790000018000 } from './1790000018000-move-types.js';
import { EndedKeys1790000019000 } from './1790000019000-ended-keys.js';
import { HistoryGaps1790000020000 } from './1790000020000-history-gaps.js';
import { InstanceNames1790000021000 } from './1790000021000-instance-names.js';
import { MessageOrder1790000022000 } from './1790000022000-message-order.js';
import { GapsWithinHours1790000023000 } from './1790000023000-gaps-within-hours.js';
import { BoundedRows1790000024000 } from './1790000024000-bounded-rows.js';
import { BoundedSteps1790000025000 } from './1790000025000-bounded-steps.js';
import { DueTargets1790000026000 } from './1790000026000-due-targets.js';
import { Onchain1790000030000 } from './1790000030000-onchain.js';
import { OnchainLookups1790000031000 } from './1790000031000-onchain-lookups.js';
import { RuleFinality1790000032000 } from './1790000032000-rule-finality.js';
import { OperatorNotices1790000033000 } from './1790000033000-operator-notices.js';
import { SlaMinutes1790000037000 } from './1790000037000-sla-minutes.js';
import { DeliverySubjects1790000037500 } from './1790000037500-delivery-subjects.js';
import { AnnouncedStakes1790000037600 } from './1790000037600-announced-stakes.js';
import { BackupState1790000038000 } from './1790000038000-backup-state.js';
import { Isolation1790000038500 } from './1790000038500-isolation.js';
import { StaleDays1790000036000 } from './1790000036000-stale-days.js';
import { RetractedAlerts1790000035000 } from './1790000035000-retracted-alerts.js';
import { OnchainQueries1790000034000 } from './1790000034000-onchain-queries.js';
import { OnchainRepair1790000034500 } from './1790000034500-onchain-repair.js';
import { OnchainFiveMinutes1790000034600 } from './1790000034600-onchain-five-minutes.js';
import { OnchainStalls1790000034700 } from './1790000034700-onchain-stalls.js';
import { OnchainUnplaced1790000031100 } from './1790000031100-onchain-unplaced.js';
import { RestoredLogs1790000027000 } from './1790000027000-restored-logs.js';

/** All migrations in ascending order. Listed explicitly, so that tests and builds run the same ones. */
export const migrations: (new () => MigrationInterface)[] = [
  Capture1790000001000,
  History1790000002000,
  Access1790000003000,
  DeadLetters1790000004000,
  Queues1790000005000,
  Alerts1790000006000,
  Notifications1790000007000,
  Query1790000008000,
  Names1790000009000,
  ObservationTimes1790000009100,
  Removals1790000009200,
  Histories1790000010000,
  DeletedHistories1790000010100,
  AlertSubjects1790000011000,
  AlertArming1790000011100,
  StandaloneMessages1790000012000,
  Sending1790000013000,
  Channels1790000013100,
  StorageBudgets1790000013200,
  KeptSessions1790000015000,
  QueryRole1790000016000,
  Farewells1790000017000,
  RuleSchedules1790000017100,
  MoveTypes1790000018000,
  EndedKeys1790000019000,
  HistoryGaps1790000020000,
  InstanceNames1790000021000,
  MessageOrder1790000022000,
  GapsWithinHours1790000023000,
  BoundedRows1790000024000,
  BoundedSteps1790000025000,
  DueTargets1790000026000,
  RestoredLogs1790000027000,
  Onchain1790000030000,
  OnchainLookups1790000031000,
  OnchainUnplaced1790000031100,
  RuleFinality1790000032000,
  OperatorNotices1790000033000,
  OnchainQueries1790000034000,
  OnchainRepair1790000034500,
  OnchainFiveMinutes1790000034600,
  OnchainStalls1790000034700,
  RetractedAlerts1790000035000,
  StaleDays1790000036000,
  SlaMinutes1790000037000,
  DeliverySubjects1790000037500,
  AnnouncedStakes1790000037600,
  BackupState1790000038000,
  Isolation1790000038500,
];
