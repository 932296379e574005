import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Settings } from '../../platform/settings/settings.js';
import { chosenSources, type SourceName } from './chosen-sources.js';
import { DefillamaSource, LlamaEndpoints } from './defillama/defillama-source.js';
import { SampleSource } from './sample/sample-source.js';
import type { SourceFeed } from './source-feed.js';
import { SourceRunner } from './source-runner.js';

/** Data sources in SOURCE; they run in processes with the role all or worker. */
@Module({
  providers: [
    LlamaEndpoints,
    SampleSource,
    DefillamaSource,
    {
      provide: SourceRunner,
      inject: [Database, BackgroundLoops, Settings, SampleSource, DefillamaSource],
      useFactory: (
        database: Database,
        loops: BackgroundLoops,
        settings: Settings,
        sample: SampleSource,
        defillama: DefillamaSource,
      ) => {
        const feeds = { sample, defillama } satisfies Record<SourceName, SourceFeed>;
        const chosen = settings.role === 'gateway' ? [] : chosenSources(settings);
        return new SourceRunner(
          database,
          loops,
          chosen.map((name) => feeds[name]),
        );
      },
    },
  ],
})
export class SourcesModule implements OnApplicationShutdown {
  constructor(private readonly endpoints: LlamaEndpoints) {}

  async onApplicationShutdown(): Promise<void> {
    await this.endpoints.fetcher.close();
  }
}
