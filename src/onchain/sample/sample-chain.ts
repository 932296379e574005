import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { chosenSources } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Settings } from '../../platform/settings/settings.js';
import { ChainRegistry } from '../config/chain-registry.js';
import { ChainSetup } from '../config/setup.dto.js';
import { SampleRecording } from './recording.js';
import { SampleBlocks } from './sample-blocks.js';
import { SampleEndpoint } from './sample-endpoint.js';
import { SAMPLE_CHAIN_ID, SampleRpc } from './sample-rpc.js';

const RETRY = { minMs: 1_000, maxMs: 30_000 };
const SAMPLE_NAME = 'sample';
/** Address that is stored in place of that of the endpoint: every process has an endpoint of its own, on a free port. */
const STORED_URL = 'http://127.0.0.1/sample';

/**
 * Chain named `sample`, which the sample source plays: an endpoint in this process, and the chain's row, from which the ordinary
 * follower takes it. Nothing is started if the source is not chosen.
 */
@Injectable()
export class SampleChain implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SampleChain.name);
  private readonly loop: BackgroundLoop | undefined;
  private rpc: SampleRpc | undefined;

  constructor(
    private readonly registry: ChainRegistry,
    private readonly endpoint: SampleEndpoint,
    private readonly clock: Clock,
    settings: Settings,
    loops: BackgroundLoops,
  ) {
    if (!chosenSources(settings).includes('sample')) return;
    this.loop = loops.loop({
      name: 'sample_chain',
      intervalMs: Infinity,
      retry: RETRY,
      onlyOn: 'worker',
      run: () => this.play(),
    });
  }

  onApplicationBootstrap(): void {
    this.loop?.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.loop?.stop();
    await this.rpc?.close();
  }

  /** Starts the endpoint, then adds the chain at the first start. It begins with the present pass of the recording. */
  private async play(): Promise<void> {
    const recording = new SampleRecording();
    const blocks = new SampleBlocks(recording, () => this.clock.now());
    const known = (await this.registry.chains()).find(({ name }) => name === SAMPLE_NAME);
    if (known !== undefined && known.origin !== 'sample') {
      this.logger.warn({ chain: SAMPLE_NAME }, 'sample chain not played: another chain has its name');
      return;
    }
    this.rpc ??= await SampleRpc.start(blocks);
    this.endpoint.url = this.rpc.url;
    if (known === undefined) await this.registry.putChain(setupOf(recording, blocks), 'sample');
  }
}

function setupOf(recording: SampleRecording, blocks: SampleBlocks): ChainSetup {
  const contracts = recording.contractsAt(blocks.head);
  return Object.assign(new ChainSetup(), {
    id: SAMPLE_NAME,
    chainId: SAMPLE_CHAIN_ID,
    startBlock: Math.min(...contracts.map(({ fromBlock }) => fromBlock)),
    endpoints: [{ url: STORED_URL }],
    contracts,
  });
}
