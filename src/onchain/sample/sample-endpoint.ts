import { Injectable } from '@nestjs/common';
import type { WatchedChain } from '../config/chain-registry.js';

/** Address of the sample chain's endpoint in this process, on a free port: the stored one is a placeholder. */
@Injectable()
export class SampleEndpoint {
  /** Set while this process plays the sample. */
  url: string | undefined;

  /** Whether this process may follow a chain: the sample only while it plays it. */
  isReachable({ origin }: Pick<WatchedChain, 'origin'>): boolean {
    return origin !== 'sample' || this.url !== undefined;
  }

  /** Returns the address at which an endpoint of a chain is reached. */
  addressOf({ origin }: Pick<WatchedChain, 'origin'>, url: string): string {
    return origin === 'sample' ? (this.url ?? url) : url;
  }
}
