import { ConfiguredRules } from './configured-rules.js';
import { DailyPoints } from './daily-points.js';
import { Explained } from './explained.js';
import { FeastClosing } from './feast-closing.js';
import { FeastPool } from './feast-pool.js';
import { PointsAnnouncements } from './points-announcements.js';
import { PointsJobs } from './points-jobs.js';
import { PointsReads } from './points-reads.js';
import { RuleChanges } from './rule-changes.js';
import { StandingsKeeper } from './standings.js';

/** Classes of this folder that the module provides. */
export const POINTS_PROVIDERS = [
  PointsReads,
  StandingsKeeper,
  Explained,
  FeastPool,
  RuleChanges,
  ConfiguredRules,
  DailyPoints,
  FeastClosing,
  PointsAnnouncements,
  PointsJobs,
];
