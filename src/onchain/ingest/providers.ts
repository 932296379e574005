import { ChainTurns } from './chain-turns.js';
import { EventIngest, FedChains, PublishedPosts } from './event-ingest.js';
import { FedChain } from './fed-chain.js';
import { UnplacedEvents } from './unplaced-events.js';

/** Classes of this folder that the module provides. */
export const INGEST_PROVIDERS = [EventIngest, FedChains, PublishedPosts, FedChain, ChainTurns, UnplacedEvents];
