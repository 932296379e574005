/** Process that only follows chains: the built followers, without the rest of the product. Prints its id once it is ready. */
import { ChainRegistry } from '../../dist/src/onchain/config/chain-registry.js';
import { ConnectionOpener } from '../../dist/src/onchain/follower/chain-connections.js';
import { Followers } from '../../dist/src/onchain/follower/followers.js';
import { ChainStarter } from '../../dist/src/onchain/follower/led-chain.js';
import { ProjectionListener } from '../../dist/src/onchain/follower/projection-listener.js';
import { Projector } from '../../dist/src/onchain/projector/projector.js';
import { ChainStore } from '../../dist/src/onchain/store/chain-store.js';
import { Clock } from '../../dist/src/platform/clock/clock.js';
import { Database } from '../../dist/src/platform/database/database.js';
import { Metrics } from '../../dist/src/platform/metrics/metrics.js';
import { BackgroundLoops } from '../../dist/src/platform/process/background-loops.js';
import { SecretBox } from '../../dist/src/platform/secrets/secret-box.js';
import { parseSettings } from '../../dist/src/platform/settings/settings.js';

const { url, key } = JSON.parse(process.argv[2] ?? '{}');
const settings = parseSettings({});
const database = new Database({ url, poolSize: 6 });
const metrics = new Metrics();
const loops = new BackgroundLoops(metrics, settings);
const clock = new Clock();
const alarms = { raise: () => Promise.resolve(), clear: () => Promise.resolve() };
const projector = new Projector(database, clock, settings);
const listener = new ProjectionListener(database, clock, projector, alarms, { ring: () => undefined });
const opener = new ConnectionOpener(undefined, metrics);
const starter = new ChainStarter(database, new ChainStore(database), listener, opener, loops, settings);
new Followers(database, new ChainRegistry(database, new SecretBox([key])), starter, loops).onApplicationBootstrap();
process.stdout.write(`${process.pid}\n`);
// Loops do not keep a process alive.
setInterval(() => undefined, 60_000);
process.on('disconnect', () => process.exit());
