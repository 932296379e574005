import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { countChange, deleteContract, lockChain } from '../store/contract-rows.js';

const INTERVAL_MS = 2_000;

interface Ready {
  chain: number;
  stream: number;
}

/** Puts state that was projected anew in the place of the old one when it has come as far. */
@Injectable()
export class Rebuilds implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Rebuilds.name);
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'onchain_rebuilds',
      intervalMs: INTERVAL_MS,
      isDelayed: true,
      onlyOn: 'worker',
      run: async () => void (await this.swapReady()),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Returns the number of streams whose new state took the place of the old one. */
  async swapReady(): Promise<number> {
    const ready = await this.database.query<{ chain: number; stream: number }>(READY);
    let swapped = 0;
    for (const one of ready) if (await this.swap(one)) swapped += 1;
    return swapped;
  }

  private async swap({ chain, stream }: Ready): Promise<boolean> {
    const contracts = await this.database.transaction(async (tx) => {
      await lockChain(tx, chain);
      const { rows: still } = await tx.query<Ready>(READY);
      if (!still.some((row) => row.stream === stream)) return 0;
      const { rows } = await tx.query<{ id: number; old: number }>(
        'SELECT id, shadow_of AS old FROM onchain_contracts WHERE stream = $1',
        [stream],
      );
      await tx.query(
        `UPDATE onchain_streams n SET caught_up = o.caught_up, published_block = o.published_block, published_log = o.published_log
         FROM onchain_streams o WHERE n.id = $1
           AND o.id = (SELECT c.stream FROM onchain_contracts c WHERE c.id = ANY ($2::int[]) LIMIT 1)`,
        [stream, rows.map(({ old }) => old)],
      );
      for (const { id, old } of rows) {
        await deleteContract(tx, old);
        await tx.query('UPDATE onchain_contracts SET shadow_of = NULL WHERE id = $1', [id]);
      }
      await countChange(tx, chain);
      return rows.length;
    });
    if (contracts > 0) this.logger.log({ chain, stream, contracts }, 'rebuilt state replaced the old one');
    return contracts > 0;
  }
}

/** Streams of shadows that stand where the streams of their contracts stand, or further. */
const READY = `SELECT DISTINCT n.chain, n.id AS stream FROM onchain_contracts s JOIN onchain_streams n ON n.id = s.stream
    JOIN onchain_contracts c ON c.id = s.shadow_of JOIN onchain_streams o ON o.id = c.stream
  WHERE (n.block, n.log) >= (o.block, o.log)`;
