import { ChainRegistry } from '../../../src/onchain/config/chain-registry.js';
import { ChainSetup } from '../../../src/onchain/config/setup.dto.js';
import type { ChainEvent, Standard } from '../../../src/onchain/index.js';
import { Projector } from '../../../src/onchain/projector/projector.js';
import { acquireLease } from '../../../src/onchain/store/chain-lease.js';
import { ChainStore, type BlockBatch } from '../../../src/onchain/store/chain-store.js';
import { Database } from '../../../src/platform/database/database.js';
import type { TestApp } from '../servers/create-test-app.js';
import { hashOf, timeOf } from './chain-rows.js';

export interface FedContract {
  address: `0x${string}`;
  standard: Standard;
  fromBlock: number;
  token?: `0x${string}`;
}

/** Chain of a running application that a test fills, as a follower would. */
export class FedChain {
  private next: number;

  private constructor(
    private readonly app: TestApp,
    readonly name: string,
    first: number,
  ) {
    this.next = first;
  }

  static async add(app: TestApp, name: string, contracts: readonly FedContract[]): Promise<FedChain> {
    await app.nest.get(ChainRegistry).putChain(Object.assign(new ChainSetup(), { id: name, contracts }), 'config');
    return new FedChain(app, name, Math.min(...contracts.map(({ fromBlock }) => fromBlock)));
  }

  /** Stores the blocks up to `head` with events and projects them; blocks up to `final` are final. */
  async extend(head: number, final: number, events: readonly ChainEvent[] = [], branch = 'a'): Promise<void> {
    await this.store(await this.batch(head, final, events, branch));
    this.next = head + 1;
    await this.project(head);
  }

  /** Replaces the blocks above `ancestor` by those of another branch up to `head`. */
  async fork(ancestor: number, head: number, branch: string, events: readonly ChainEvent[] = []): Promise<void> {
    this.next = ancestor + 1;
    const batch = await this.batch(head, -1, events, branch);
    const [projector, { id, contracts }] = [this.app.nest.get(Projector), await this.chain()];
    const streams = new Set(contracts.map(({ stream }) => stream));
    await this.app.nest.get(ChainStore).reorg(await this.lease(), ancestor, batch, {
      rollBack: async (tx, toBlock) => {
        for (const stream of streams) await projector.rollBack(tx, id, stream, toBlock);
      },
      announce: async () => undefined,
    });
    this.next = head + 1;
    await this.project(head);
  }

  private async project(head: number): Promise<void> {
    const { contracts } = await this.chain();
    for (const stream of new Set(contracts.map((contract) => contract.stream))) {
      await this.app.nest.get(Projector).project(await this.lease(), stream, head);
    }
  }

  private async store(batch: BlockBatch): Promise<void> {
    await this.app.nest.get(ChainStore).flush(await this.lease(), batch);
  }

  private async batch(head: number, final: number, events: readonly ChainEvent[], branch: string): Promise<BlockBatch> {
    const { contracts } = await this.chain();
    const numbers = Array.from({ length: head - this.next + 1 }, (_, at) => this.next + at);
    return {
      blocks: numbers.map((number) => ({
        number,
        hash: hashOf(number, branch),
        parentHash: hashOf(number - 1, number === this.next ? 'a' : branch),
        at: timeOf(number),
        logsBloom: '0x',
      })),
      events: events.map((event) => ({ ...event, blockHash: hashOf(event.blockNumber, branch) })),
      dead: [],
      covered: { from: this.next, to: head },
      keys: new Map(contracts.map((contract) => [contract.address, [contract]])),
      head: { number: head, hash: hashOf(head, branch), at: timeOf(head) },
      ...(final < 0 ? {} : { final: { number: final, hash: hashOf(final), at: timeOf(final) } }),
      source: 'rpc',
    };
  }

  private async lease() {
    const { id } = await this.chain();
    const lease = await acquireLease(this.app.nest.get(Database), id, 'test');
    if (lease === undefined) throw new Error(`another process follows ${this.name}`);
    return lease;
  }

  private async chain() {
    const found = (await this.app.nest.get(ChainRegistry).chains()).find(({ name }) => name === this.name);
    if (found === undefined) throw new Error(`no chain ${this.name}`);
    return found;
  }
}
