import { Profiles, type ProfileNews } from '../index/profiles.js';
import type { Quantity } from '../index/quantity.js';
import type { Scope } from '../index/scope.js';
import type { Series } from '../index/series.js';
import type { SeriesBook } from './series-book.js';
import { ThresholdList } from '../structures/threshold-list.js';
import { instanceKey } from '../rule/watched-number.js';

/** Member of a family for which other parts of a filter (`Gate`) are met than before. */
interface Regated {
  readonly scope: Scope;
  readonly instance: string;
  readonly quantity: Quantity;
}

/**
 * Families with a filter, and the parts of the filter that each member meets. Filters are evaluated for an event only if
 * category or tags changed, or if the protocol's total passed a `minTvl` of a rule.
 */
export class Filters {
  private readonly scopes = new Set<Scope>();
  private readonly profiles = new Profiles();
  /** `minTvl` of each family that has one. */
  private readonly sizes = new ThresholdList();
  private regated: Regated[] = [];

  constructor(private readonly series: SeriesBook) {}

  add(scope: Scope): void {
    const { filter } = scope.watched;
    if (!filter) return;
    this.scopes.add(scope);
    if (filter.minTvl !== undefined) this.sizes.insert(filter.minTvl, 0);
  }

  remove(scope: Scope): void {
    const { filter } = scope.watched;
    if (this.scopes.delete(scope) && filter?.minTvl !== undefined) this.sizes.remove(filter.minTvl, 0);
  }

  /** Evaluates the filter for a new member of a family. */
  admit(scope: Scope, { series }: Quantity): void {
    const { filter } = scope.watched;
    if (filter) scope.setGate(instanceOf(scope, series), this.profiles.gate(filter, series));
  }

  /** Records category, tags and size of a protocol from an event. */
  protocol(slug: string, news: ProfileNews): void {
    if (!this.profiles.note(this.profiles.ofProtocol(slug), news, this.sizes) || this.scopes.size === 0) return;
    this.regateAll(this.series.protocols.get(slug)?.series.values());
  }

  token(token: string, news: ProfileNews): void {
    if (!this.profiles.note(this.profiles.ofToken(token), news, this.sizes) || this.scopes.size === 0) return;
    this.regateAll(this.series.tokens.get(token)?.values());
  }

  /** Returns the members whose result changed since the last call. */
  take(): readonly Regated[] {
    const { regated } = this;
    if (regated.length > 0) this.regated = [];
    return regated;
  }

  private regateAll(members: Iterable<Series> = []): void {
    for (const series of members) for (const scope of this.scopes) this.regate(scope, series);
  }

  private regate(scope: Scope, series: Series): void {
    const { filter, windowMs } = scope.watched;
    const quantity = scope.includes(series) ? series.quantity(windowMs) : undefined;
    if (!filter || !quantity) return;
    const instance = instanceOf(scope, series);
    if (scope.setGate(instance, this.profiles.gate(filter, series))) this.regated.push({ scope, instance, quantity });
  }
}

function instanceOf({ variables }: Scope, { protocol, chain, token }: Series): string {
  return instanceKey(variables, protocol, chain, token);
}
