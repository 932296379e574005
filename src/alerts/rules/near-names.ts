/** Maximum number of known names suggested for an unknown one. */
const MAX_OFFERED = 3;

interface Near {
  /** Known names that equal the unknown one except for punctuation and case. */
  readonly same: string[];
  /** Known names that begin with the unknown one. */
  readonly longer: string[];
}

/** Searches for known names that may be meant by unknown ones; one pass over the known names serves all unknown ones. */
export class NearNames {
  private readonly wanted = new Map<string, Near>();

  /** Adds an unknown name; must be called before the known names are compared. */
  want(name: string): void {
    const bare = bareOf(name);
    if (bare !== '') this.wanted.set(bare, { same: [], longer: [] });
  }

  get isEmpty(): boolean {
    return this.wanted.size === 0;
  }

  /** Compares a known id and its display name with every unknown name. */
  compare(id: string, name: string | null): void {
    const [bareId, bareName] = [bareOf(id), bareOf(name ?? '')];
    for (const [bare, { same, longer }] of this.wanted) {
      if (bareId === bare || bareName === bare) keepFirst(same, id);
      else if (bareId.startsWith(bare) || bareName.startsWith(bare)) keepFirst(longer, id);
    }
  }

  /** Returns the suggestion as the end of a sentence about the unknown name, including its full stop or question mark. */
  offer(name: string): string {
    const { same = [], longer = [] } = this.wanted.get(bareOf(name)) ?? {};
    const offered = [...same, ...longer].slice(0, MAX_OFFERED);
    return offered.length === 0 ? '.' : `; did you mean ${offered.join(' or ')}?`;
  }
}

function keepFirst(kept: string[], id: string): void {
  kept.push(id);
  kept.sort();
  if (kept.length > MAX_OFFERED) kept.pop();
}

const bareOf = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
