import { Module } from '@nestjs/common';
import { CachedRunner } from './cache/cached-runner.js';
import { Freshness } from './cache/freshness.js';
import { ResultCache } from './cache/result-cache.js';
import { VersionStamps } from './cache/version-stamps.js';
import { QueryAdmission } from './execution/query-admission.js';
import { Arrivals } from './execution/arrivals.js';
import { QueryPool } from './execution/query-pool.js';
import { QueryRunner } from './execution/query-runner.js';
import { StoredFactsReader } from './execution/stored-facts.js';
import { QueryController } from './query.controller.js';
import { PresentNames } from './execution/present-names.js';
import { QueryService } from './query.service.js';

/** Queries of the data, and their answers. */
@Module({
  controllers: [QueryController],
  providers: [
    QueryService,
    QueryRunner,
    QueryPool,
    QueryAdmission,
    Arrivals,
    StoredFactsReader,
    PresentNames,
    CachedRunner,
    ResultCache,
    VersionStamps,
    Freshness,
  ],
  exports: [QueryRunner],
})
export class QueryModule {}
