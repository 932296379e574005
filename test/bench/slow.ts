/**
 * Effect of clients that stop reading on the others: rounds with 1 % of stalled clients alternate with rounds without,
 * everything else equal. Stalled clients keep their connection open and read nothing. They must be switched to `latest`
 * and then closed, while the others receive every event as early as in rounds without stalled clients. The server is the
 * product's delivery, as described in `fanout`.
 */
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import { CLIENT_CORE, pin, SERVER_CORE } from './support/cores.js';
import { median, percentile, round } from './support/percentiles.js';
import { RawLoad } from './support/raw-load.js';
import { NUMBER_MARK, type SlowReport, type SlowRound } from './support/slow-server.js';

const CLIENTS = 200;
const STALLED_SHARE = 0.01;
/** Large events fill the network's buffers, several MiB per connection, within seconds. */
const EVENT_BYTES = 6_000;
const PER_SECOND = 100;
/** One in this many deliveries of a client is timed. */
const SAMPLED = 5;
/** First part of a round, excluded because the server is still warming up. */
const UNJUDGED = 0.1;
const QUIET_MS = 5_000;

interface Round {
  readonly lags: Float64Array;
  readonly switched: number;
  readonly evicted: number;
  readonly mostWaiting: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const rounds = context.quick ? 1 : 5;
  const seconds = 20;
  const server = context.startProcess('slow-server.ts', {});
  const { port } = await nextMessage<{ port: number }>(server, 'ready');
  pin(server.pid, SERVER_CORE);
  const load = await RawLoad.start(context, {
    port,
    processes: 1,
    dialect: {
      name: 'socketio',
      event: 'governance',
      apiKeys: ['any'],
      bodies: [{ type: 'protocol', protocol: 'aave-v3' }],
    },
    sample: { mark: NUMBER_MARK, every: SAMPLED },
  });
  for (const pid of load.pids) pin(pid, CLIENT_CORE);

  const measure = async (share: number): Promise<Round> => {
    await load.open(CLIENTS);
    const stalled = new Set(share > 0 ? await load.stall(share) : []);
    await load.reset();
    await load.samples();
    const events = seconds * PER_SECOND;
    const answer = nextMessage<SlowReport>(server, 'sent');
    server.send({ type: 'round', events, perSecond: PER_SECOND, bytes: EVENT_BYTES } satisfies SlowRound);
    const report = await answer;
    const { byClient, endings } = await load.untilCounted(events * (CLIENTS - stalled.size), QUIET_MS);
    const short = byClient.findIndex((count, n) => !stalled.has(n) && count !== events);
    if (short >= 0)
      throw new Error(`client ${short} counted ${byClient[short]} of ${events} events (${endings.join()})`);
    const lags: number[] = [];
    for (const { clients, changes, at } of await load.samples()) {
      for (const [i, n] of changes.entries()) {
        if (n < events * UNJUDGED || stalled.has(clients[i] ?? 0)) continue;
        lags.push((at[i] ?? 0) - (report.at[n] ?? 0));
      }
    }
    await load.close();
    return { ...report, lags: Float64Array.from(lags).sort() };
  };

  const without: Round[] = [];
  const withStalled: Round[] = [];
  for (let n = 1; n <= rounds; n += 1) {
    for (const [share, results] of [
      [0, without],
      [STALLED_SHARE, withStalled],
    ] as const) {
      const result = await measure(share);
      results.push(result);
      context.log(
        `round ${n} of ${rounds}, ${share * 100} % stalled: p99 ${percentile(result.lags, 0.99).toFixed(1)} ms, ` +
          `switched ${result.switched}, evicted ${result.evicted}, at most ${Math.round(result.mostWaiting / 1024)} KiB waited`,
      );
    }
  }
  return report(context, without, withStalled);
}

function report(context: BenchContext, without: readonly Round[], withStalled: readonly Round[]): Figures {
  const p99 = (rounds: readonly Round[]): number => median(rounds.map(({ lags }) => percentile(lags, 0.99)));
  const p50 = (rounds: readonly Round[]): number => median(rounds.map(({ lags }) => percentile(lags, 0.5)));
  const figures = {
    clients: CLIENTS,
    stalled: Math.round(CLIENTS * STALLED_SHARE),
    deliveries_per_s: CLIENTS * PER_SECOND,
    p50_ms_without: round(p50(without)),
    p50_ms_with: round(p50(withStalled)),
    p99_ms_without: round(p99(without)),
    p99_ms_with: round(p99(withStalled)),
    ratio: round(p99(withStalled) / p99(without)),
    switched: median(withStalled.map(({ switched }) => switched)),
    evicted: median(withStalled.map(({ evicted }) => evicted)),
    most_waiting_kb: Math.round(Math.max(...withStalled.map(({ mostWaiting }) => mostWaiting)) / 1024),
  };
  context.log(`\nhanded to the hub → client, ${CLIENTS} clients, 1 % of them stalled (target: p99 ratio ≤ 1.1)`);
  context.table([figures]);
  context.log('');
  return figures;
}
