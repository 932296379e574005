import { HotRows } from '../core/index.js';
import type { Position } from './stream-reader.js';

/** Chains whose rows are kept in memory, beside those that are being projected. */
const MAX_HOT_CHAINS = 4;

/** Rows of a chain in memory, and the positions at which its streams left them. */
export interface Memory {
  readonly hot: HotRows;
  readonly seats: Map<number, Position & { readonly epoch: number }>;
  /** Work in progress: the streams of a chain take turns. */
  busy: Promise<unknown>;
}

/** Memories of the chains that were projected last. */
export class Memories {
  private readonly byChain = new Map<number, Memory>();

  /** Lets nobody rely on the rows of a stream any more. */
  forget(chain: number, stream: number): void {
    this.byChain.get(chain)?.seats.delete(stream);
  }

  /** Returns the memory of a chain that is to be projected. */
  of(chain: number): Memory {
    const memory = this.byChain.get(chain) ?? { hot: new HotRows(), seats: new Map(), busy: Promise.resolve() };
    // The chains used last stay; one that is being projected keeps its rows until it ends.
    this.byChain.delete(chain);
    this.byChain.set(chain, memory);
    const [oldest] = this.byChain.keys();
    if (this.byChain.size > MAX_HOT_CHAINS && oldest !== undefined) this.byChain.delete(oldest);
    return memory;
  }
}
