import { Injectable } from '@nestjs/common';
import { Sequencer } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import type { WatchedChain } from '../config/chain-registry.js';
import { Projector } from '../projector/projector.js';
import { ChainAlarms } from '../store/chain-alarms.js';
import type { ChainLease } from '../store/chain-lease.js';
import type { BlockBatch, ReorgWork } from '../store/chain-store.js';
import type { FollowerAlarm, FollowerListener, Reorganisation } from './listener.js';
import { eventsNumbered, publishReorg, retractedIds } from './retractions.js';

/** Projects what followers store, and announces what their reorganisations retract. */
@Injectable()
export class ProjectionListener implements FollowerListener {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly projector: Projector,
    private readonly alarms: ChainAlarms,
    private readonly sequencer: Sequencer,
  ) {}

  async stored(chain: WatchedChain, lease: ChainLease, batch: BlockBatch): Promise<void> {
    const { covered, events, head } = batch;
    const handed = { fromBlock: covered.from, toBlock: covered.to, events, storedAt: this.clock.now() };
    const streams = new Set([...batch.keys.values()].flat().map(({ stream }) => stream));
    const upTo = Math.max(covered.to, head?.number ?? 0);
    for (const stream of streams) await this.projector.project(lease, stream, upTo, handed);
    this.sequencer.ring();
    if (batch.blocks.length > 0) await this.alarms.clear(chain.name, 'suspicious_branch');
  }

  async reorganising(chain: WatchedChain, _lease: ChainLease, reorg: Reorganisation): Promise<ReorgWork> {
    await eventsNumbered(this.database, chain.name);
    const streams = new Set(chain.contracts.map(({ stream }) => stream));
    let retracted: string[] = [];
    return {
      rollBack: async (tx, toBlock) => {
        retracted = await retractedIds(tx, chain, toBlock);
        for (const stream of streams) await this.projector.rollBack(tx, chain.id, stream, toBlock);
      },
      announce: (tx) => publishReorg(tx, chain.name, reorg, retracted),
    };
  }

  async alarm(chain: WatchedChain, code: FollowerAlarm, detail: string): Promise<void> {
    await this.alarms.raise(chain.name, code, detail);
  }

  async endAlarm(chain: WatchedChain, code: FollowerAlarm): Promise<void> {
    await this.alarms.clear(chain.name, code);
  }
}
