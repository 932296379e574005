import { Injectable } from '@nestjs/common';
import { Sequencer } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import type { WatchedChain } from '../config/chain-registry.js';
import { Projector } from '../projector/projector.js';
import { ChainAlarms } from '../store/chain-alarms.js';
import type { ChainLease } from '../store/chain-lease.js';
import type { BlockBatch, ReorgWork } from '../store/chain-store.js';
import { FollowerMetrics } from './follower-metrics.js';
import type { Reorganisation } from './listener.js';
import { ProjectionListener } from './projection-listener.js';

/** Listener that also measures what it projects. */
@Injectable()
export class MeasuredListener extends ProjectionListener {
  constructor(
    database: Database,
    clock: Clock,
    projector: Projector,
    alarms: ChainAlarms,
    sequencer: Sequencer,
    private readonly metrics: FollowerMetrics,
  ) {
    super(database, clock, projector, alarms, sequencer);
  }

  override async stored(chain: WatchedChain, lease: ChainLease, batch: BlockBatch): Promise<void> {
    await super.stored(chain, lease, batch);
    this.metrics.projected(chain.name, batch.events.length, batch.blocks.at(-1)?.at);
  }

  override async reorganising(chain: WatchedChain, lease: ChainLease, reorg: Reorganisation): Promise<ReorgWork> {
    const work = await super.reorganising(chain, lease, reorg);
    return {
      ...work,
      announce: async (tx) => {
        await work.announce(tx);
        this.metrics.reorganised(chain.name, reorg.depth);
      },
    };
  }
}
