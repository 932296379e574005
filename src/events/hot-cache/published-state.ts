import { Injectable } from '@nestjs/common';
import type { Metric, ProtocolMeta, PublishedValue } from './published-value.js';

/**
 * The last published value of every key, in this process's memory. Maintained synchronously from the event feed: whoever
 * reads `feed.position` and then this state in one turn sees exactly the values at that position.
 */
@Injectable()
export class PublishedState {
  tvl(_protocol: string, _chain: string): PublishedValue | undefined {
    return undefined;
  }

  /** Every chain of a protocol, pseudo chains included. */
  tvlOf(_protocol: string): PublishedValue[] {
    return [];
  }

  /** The protocol's total over real chains; undefined when it has no value. */
  protocolTvl(_protocol: string): number | undefined {
    return undefined;
  }

  price(_token: string): PublishedValue | undefined {
    return undefined;
  }

  protocol(_slug: string): ProtocolMeta | undefined {
    return undefined;
  }

  *all(_metric: Metric): Iterable<PublishedValue> {}

  *protocols(): Iterable<ProtocolMeta> {}
}
