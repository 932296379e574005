/** Process that only follows chains: the built followers, without the rest of the product. Prints its id once it is ready. */
/** Loads a module of the build, which other checks of this repository need not have. */
const built = async (file) => import(new URL(`../../dist/src/${file}.js`, import.meta.url).href);

const { ChainRegistry } = await built('onchain/config/chain-registry');
const { ChainRuntime } = await built('onchain/follower/chain-runtime');
const { ConnectionOpener } = await built('onchain/follower/chain-connections');
const { FollowerMetrics } = await built('onchain/follower/follower-metrics');
const { Followers } = await built('onchain/follower/followers');
const { ChainStarter } = await built('onchain/follower/led-chain');
const { ProjectionListener } = await built('onchain/follower/projection-listener');
const { Projector } = await built('onchain/projector/projector');
const { SampleEndpoint } = await built('onchain/sample/sample-endpoint');
const { ChainStore } = await built('onchain/store/chain-store');
const { Clock } = await built('platform/clock/clock');
const { Database } = await built('platform/database/database');
const { Metrics } = await built('platform/metrics/metrics');
const { BackgroundLoops } = await built('platform/process/background-loops');
const { SecretBox } = await built('platform/secrets/secret-box');
const { parseSettings } = await built('platform/settings/settings');

const { url, key } = JSON.parse(process.argv[2] ?? '{}');
const settings = parseSettings({});
const database = new Database({ url, poolSize: 6 });
const metrics = new Metrics();
const loops = new BackgroundLoops(metrics, settings);
const clock = new Clock();
const alarms = { raise: () => Promise.resolve(), clear: () => Promise.resolve() };
const projector = new Projector(database, clock, settings);
const listener = new ProjectionListener(database, clock, projector, alarms, { ring: () => undefined });
const sample = new SampleEndpoint();
const opener = new ConnectionOpener(undefined, new FollowerMetrics(metrics, clock), sample);
const runtime = new ChainRuntime(database, loops, settings);
const rereads = { start: () => ({ stop: () => Promise.resolve() }) };
const starter = new ChainStarter(runtime, new ChainStore(database), listener, opener, rereads);
const registry = new ChainRegistry(database, new SecretBox([key]));
new Followers(database, registry, starter, loops, sample).onApplicationBootstrap();
process.stdout.write(`${process.pid}\n`);
// Loops do not keep a process alive.
setInterval(() => undefined, 60_000);
process.on('disconnect', () => process.exit());
