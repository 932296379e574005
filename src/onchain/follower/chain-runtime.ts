import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Settings } from '../../platform/settings/settings.js';

/** Parts of the process that all loops of a led chain use. */
@Injectable()
export class ChainRuntime {
  constructor(
    readonly database: Database,
    readonly loops: BackgroundLoops,
    readonly settings: Settings,
  ) {}
}
