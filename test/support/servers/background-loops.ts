import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { BackgroundLoops } from '../../../src/platform/process/background-loops.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';

/** Returns loops for parts that a test makes itself; they run in every test, whatever the role. */
export function testLoops(): BackgroundLoops {
  return new BackgroundLoops(new Metrics(), parseSettings({}));
}
