import { Explained } from './explained.js';
import { FeastPool } from './feast-pool.js';
import { PointsReads } from './points-reads.js';
import { RuleChanges } from './rule-changes.js';
import { StandingsKeeper } from './standings.js';

/** Classes of this folder that the module provides. */
export const POINTS_PROVIDERS = [PointsReads, StandingsKeeper, Explained, FeastPool, RuleChanges];
