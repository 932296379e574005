import type { SubjectFilter } from '../rule/rule.js';
import type { Series } from './series.js';
import type { ThresholdList } from '../structures/threshold-list.js';
import { EQUALITY_TOLERANCE } from '../rule/tolerance.js';
import { TOTAL } from '../rule/watched-number.js';

/** Parts of a wildcard's filter that a protocol or token meets, as bits. */
export const Gate = {
  /** Category and tags match the filter. */
  kind: 1,
  /** TVL reaches `minTvl`: required only when a condition begins to hold. */
  size: 2,
} as const;

interface Profile {
  category: string | null;
  /** Tags, keyed by chain. The tags of a token do not depend on a chain and are stored under the key `TOTAL`. */
  readonly tags: Map<string, readonly string[]>;
  /**
   * Larger of the totals before and after the last change of the protocol's TVL; totals given by a source and sums of
   * chains are not compared with each other. NaN: no total yet.
   */
  size: number;
}

/** Category, tags and size in a row of the log; undefined: not in the row. */
export interface ProfileNews {
  readonly category?: string | null | undefined;
  readonly chain: string;
  readonly tags?: readonly string[] | undefined;
  readonly size?: number | undefined;
}

/** Categories, tags and sizes of protocols, and tags of tokens, at the evaluator's position. */
export class Profiles {
  private readonly protocols = new Map<string, Profile>();
  private readonly tokens = new Map<string, Profile>();

  ofProtocol(slug: string): Profile {
    return obtain(this.protocols, slug);
  }

  ofToken(token: string): Profile {
    return obtain(this.tokens, token);
  }

  /**
   * Records the facts of a protocol or token in a row of the log; returns whether the result of a filter may have
   * changed.
   */
  note(profile: Profile, { category, chain, tags, size }: ProfileNews, sizes: ThresholdList): boolean {
    let isNews = false;
    if (category !== undefined && category !== profile.category) {
      profile.category = category;
      isNews = true;
    }
    if (tags !== undefined && !isSame(tags, profile.tags.get(chain) ?? [])) {
      profile.tags.set(chain, tags);
      isNews = true;
    }
    if (size === undefined) return isNews;
    const low = Number.isNaN(profile.size) ? -Infinity : Math.min(size, profile.size);
    const high = Number.isNaN(profile.size) ? Infinity : Math.max(size, profile.size);
    profile.size = size;
    if (sizes.size === 0) return isNews;
    const margin = 2 * EQUALITY_TOLERANCE;
    sizes.visit(low * (1 - margin), high * (1 + margin), () => (isNews = true));
    return isNews;
  }

  /** Returns the parts of a filter that a series meets, as bits. */
  gate({ categories, tags, minTvl }: SubjectFilter, { measure, protocol, chain, token }: Series): number {
    const profile = measure === 'tvl' ? this.ofProtocol(protocol) : this.ofToken(token);
    const category = profile.category?.toLowerCase() ?? '';
    const isOfKind =
      (categories === undefined || categories.some((one) => one.toLowerCase() === category)) &&
      (tags === undefined || tagsOf(profile, chain).some((tag) => tags.includes(tag)));
    const isLarge = minTvl === undefined || profile.size >= minTvl * (1 - EQUALITY_TOLERANCE);
    return (isOfKind ? Gate.kind : 0) | (isLarge ? Gate.size : 0);
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((tag, index) => tag === other[index]);
}

/** Returns the tags of a chain; for a total, the tags of all chains. */
function tagsOf({ tags }: Profile, chain: string): readonly string[] {
  return chain === TOTAL ? [...tags.values()].flat() : (tags.get(chain) ?? []);
}

function obtain(profiles: Map<string, Profile>, name: string): Profile {
  const known = profiles.get(name);
  if (known) return known;
  const profile = { category: null, tags: new Map<string, readonly string[]>(), size: NaN };
  profiles.set(name, profile);
  return profile;
}
