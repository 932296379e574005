import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { ProtocolRow } from '../../ingest/table-writer.js';
import { Track } from './track.js';

/** Recorded values over time; `steps` are milliseconds since the previous point. */
interface RecordedSeries {
  start: number;
  steps: number[];
  values: number[];
}

interface TvlFile {
  snapshots: {
    at: number[];
    protocols: [
      slug: string,
      name: string,
      category: string | null,
      chains: string[],
      chain: string,
      values: number[],
      oracles?: string[],
    ][];
  };
  minutes: ({ slug: string; name: string; category: string; chain: string } & RecordedSeries)[];
}

/** Kind of recording by the density of its points, which determines the speed of its playback. */
type PriceKind = 'oracle' | 'minute' | 'tick';

type PriceFile = ({
  token: string;
  symbol: string;
  chain: string | null;
  kind: PriceKind;
  source: string;
} & RecordedSeries)[];

export interface TvlSeries {
  protocol: string;
  chain: string;
  source: string;
  track: Track;
  /** Recorded seconds per second of the history that is generated at the first start. */
  historyPace: number;
  /** Whether values between two points are interpolated. */
  interpolated: boolean;
}

export interface PriceSeries {
  token: string;
  symbol: string;
  chain: string | null;
  source: string;
  track: Track;
  historyPace: number;
}

export interface SamplePack {
  protocols: ProtocolRow[];
  tvl: TvlSeries[];
  prices: PriceSeries[];
}

/**
 * Playback speeds relative to SAMPLE_SPEED. Oracle updates are hours apart, and the half minute of ticks would be over in
 * half a second: at the default speed, a second of playback covers an hour of oracle updates or a second of ticks. The
 * generated history has the recorded speed, except that the half minute of ticks is stretched over five days.
 */
const PACES: Readonly<Record<PriceKind, { pace: number; historyPace: number }>> = {
  oracle: { pace: 60, historyPace: 1 },
  minute: { pace: 1, historyPace: 1 },
  tick: { pace: 1 / 60, historyPace: 1 / 14_400 },
};

/**
 * Maximum delay of a protocol's snapshots after the first protocol's, seconds, so that they are spread in time like those of
 * a poller.
 */
const SPREAD_SECONDS = 3_600;

/** Loads the recordings that are part of the project; the README.md next to them names their origins. */
export async function loadSamplePack(): Promise<SamplePack> {
  const [tvl, prices] = await Promise.all([unpack<TvlFile>('tvl.json.gz'), unpack<PriceFile>('prices.json.gz')]);
  return {
    protocols: [
      ...tvl.snapshots.protocols.map(([slug, name, category, chains, , , oracles]) =>
        protocol({ slug, name, category, chains, metadata: oracles ? { oracles } : null }),
      ),
      ...tvl.minutes.map(({ slug, name, category, chain }) =>
        protocol({ slug, name, category, chains: [chain], metadata: null }),
      ),
    ],
    tvl: [...snapshotSeries(tvl.snapshots), ...minuteSeries(tvl.minutes)],
    prices: prices.map(({ token, symbol, chain, kind, source, steps, values }, index) => {
      const { pace, historyPace } = PACES[kind];
      const track = new Track({ times: times(steps), values, interpolated: false, pace, phase: index });
      return { token, symbol, chain, source: `sample:${source}`, track, historyPace };
    }),
  };
}

function snapshotSeries({ at, protocols }: TvlFile['snapshots']): TvlSeries[] {
  const [first = 0] = at;
  const seconds = at.map((time) => (time - first) / 1000);
  return protocols.map(([slug, , , , chain, values]) => {
    const phase = spread(slug) * SPREAD_SECONDS;
    const track = new Track({ times: seconds, values, interpolated: true, pace: 1, phase });
    return { protocol: slug, chain, source: 'sample:defillama', track, historyPace: 1, interpolated: true };
  });
}

function minuteSeries(pools: TvlFile['minutes']): TvlSeries[] {
  return pools.map(({ slug, chain, steps, values }) => {
    const track = new Track({ times: times(steps), values, interpolated: false, pace: 1, phase: 0 });
    return { protocol: slug, chain, source: 'sample:gmx-v2', track, historyPace: 1, interpolated: false };
  });
}

function protocol(recorded: Omit<ProtocolRow, 'symbol' | 'url'>): ProtocolRow {
  return { ...recorded, symbol: null, url: null };
}

function times(steps: readonly number[]): number[] {
  let seconds = 0;
  return steps.map((step) => (seconds += step / 1000));
}

/** Returns a number from 0 to 1 that depends only on the name (FNV-1a). */
function spread(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash / 2 ** 32;
}

async function unpack<T>(file: string): Promise<T> {
  const packed = await readFile(join(import.meta.dirname, file));
  const text: string = (await promisify(gunzip)(packed)).toString('utf8');
  return JSON.parse(text) as T;
}
