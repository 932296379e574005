import { Global, Module } from '@nestjs/common';
import { ChangeReferences } from '../history/change-references.js';
import { HotCache } from './hot-cache.js';
import { MemoryHotCache } from './memory-hot-cache.js';
import { PublishedState } from './published-state.js';
import { PublishedStore } from './published-store.js';
import { StateReconciler } from './state-reconciler.js';

/** What every process knows by heart: the published values, and what they are compared with. */
@Global()
@Module({
  providers: [
    PublishedStore,
    PublishedState,
    StateReconciler,
    ChangeReferences,
    { provide: HotCache, useClass: MemoryHotCache },
  ],
  exports: [PublishedState, ChangeReferences, HotCache],
})
export class HotCacheModule {}
