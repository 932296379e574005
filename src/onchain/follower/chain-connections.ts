import { Injectable } from '@nestjs/common';
import type { Dispatcher } from 'undici';
import { GuardedClient } from '../../notifications/index.js';
import type { WatchedChain } from '../config/chain-registry.js';
import { EndpointPool } from '../rpc/endpoint-pool.js';
import { HeadWatch } from '../rpc/head-watch.js';
import { SampleEndpoint } from '../sample/sample-endpoint.js';
import { FollowerMetrics } from './follower-metrics.js';

/** Open connections to the endpoints of one chain. */
export interface ChainConnections {
  readonly pool: EndpointPool;
  readonly watches: readonly HeadWatch[];
  close(): Promise<void>;
}

/** Opens connections to endpoints. Those of chains that were added over the API are checked like those to webhooks. */
@Injectable()
export class ConnectionOpener {
  constructor(
    private readonly guard: GuardedClient,
    private readonly metrics: FollowerMetrics,
    private readonly sample: SampleEndpoint,
  ) {}

  /** Opens the connections of a chain; `ring` is called when an endpoint announces a new block. */
  open(chain: WatchedChain, ring: () => void): ChainConnections {
    const dispatcher = (): Dispatcher | undefined => (chain.origin === 'rest' ? this.guard.checkedAgent() : undefined);
    const endpoints = chain.endpoints.map(({ url }) => ({
      url: this.sample.addressOf(chain, url),
      dispatcher: dispatcher(),
    }));
    const { name, chainId, forkDepth } = chain;
    const pool = new EndpointPool(
      { chainId, forkDepth, endpoints },
      {},
      (kind) => this.metrics.called(name, kind),
      (attempt) => this.metrics.attempted(name, attempt),
    );
    const unwatch = this.metrics.watch(name, pool);
    const watches = chain.endpoints.flatMap(({ ws }) =>
      ws === undefined ? [] : [new HeadWatch(ws, ring, { dispatcher: dispatcher() })],
    );
    for (const watch of watches) watch.start();
    const close = async (): Promise<void> => {
      unwatch();
      await Promise.all([pool.close(), ...watches.map((watch) => watch.stop())]);
    };
    return { pool, watches, close };
  }
}
