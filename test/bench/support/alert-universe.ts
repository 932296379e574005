import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const ROOT = join(import.meta.dirname, '../../..');

/** One TVL series: a protocol on a chain, and its TVL in US dollars. */
export interface BenchKey {
  readonly protocol: string;
  readonly chain: string;
  readonly value: number;
}

export interface Universe {
  readonly source: string;
  /** Protocols by descending TVL, each with its keys. */
  readonly protocols: readonly (readonly BenchKey[])[];
}

interface LiteProtocol {
  name: string;
  tvl?: number;
  chains?: string[];
}

type SampleProtocol = [
  slug: string,
  name: string,
  category: string | null,
  chains: string[],
  chain: string,
  values: number[],
];

/**
 * Returns real protocols: from a complete recorded snapshot if one exists beside the project, otherwise from the sample
 * in the project.
 */
export function loadUniverse(): Universe {
  const [snapshot] = globSync(join(ROOT, '../shared/data/protocols/llama_lite_protocols2_*.json')).sort().reverse();
  return snapshot && existsSync(snapshot) ? fromSnapshot(snapshot) : fromSample();
}

function fromSnapshot(file: string): Universe {
  const listed = JSON.parse(readFileSync(file, 'utf8')) as LiteProtocol[];
  return universe(
    'recorded snapshot of 2025-12',
    listed.map(({ name, tvl = 0, chains = [] }) => ({ slug: slugOf(name), tvl, chains: chains.map(slugOf) })),
  );
}

function fromSample(): Universe {
  const file = join(ROOT, 'src/events/sources/sample/tvl.json.gz');
  const { snapshots } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as {
    snapshots: { protocols: SampleProtocol[] };
  };
  return universe(
    'the sample that the project ships',
    snapshots.protocols.map(([slug, , , chains, , values]) => ({ slug, tvl: values.at(-1) ?? 0, chains })),
  );
}

function universe(source: string, listed: { slug: string; tvl: number; chains: string[] }[]): Universe {
  const protocols = [...new Map(listed.map((protocol) => [protocol.slug, protocol])).values()]
    .filter(({ tvl, chains }) => tvl > 0 && chains.length > 0)
    .sort((a, b) => b.tvl - a.tvl)
    .map(({ slug, tvl, chains }) => {
      // The snapshot has no values per chain: the first chain gets half of the total, the next half of the rest, and so
      // on.
      const shares = chains.map((_, n) => 2 ** -Math.min(n + 1, chains.length - 1 || 1));
      const all = shares.reduce((sum, share) => sum + share, 0);
      return chains.map((chain, n) => ({ protocol: slug, chain, value: (tvl * (shares[n] ?? 0)) / all }));
    });
  return { source, protocols };
}

function slugOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}
