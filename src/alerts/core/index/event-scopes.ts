import { isFor, isRealChain } from '../../../events/core/index.js';
import type { MarketRow } from '../market-row.js';
import { instanceKey, Variable, type WatchedEvent } from '../rule/watched-number.js';

/** Conditions that are waiting for the same events. */
export class EventScope {
  readonly leaves = new Set<number>();

  constructor(
    readonly watched: WatchedEvent,
    /** Wildcards of the conditions' rules, as bits: an event must name the subject of each. */
    readonly variables: number,
  ) {}

  /** Returns the instance that an event concerns; undefined if the event does not name the subject of a wildcard. */
  instanceOf({ protocol, chain, token }: MarketRow): string | undefined {
    const { variables } = this;
    if (variables & Variable.protocol && protocol === null) return undefined;
    if (variables & Variable.chain && (chain === null || !isRealChain(chain))) return undefined;
    if (variables & Variable.token && token === null) return undefined;
    return instanceKey(variables, protocol ?? '', chain ?? '', token ?? '');
  }
}

/**
 * Event scopes by the events for which their conditions wait. An event is looked up under eight keys: each of protocol,
 * chain and token named or not.
 */
export class EventScopes {
  private readonly scopes = new Map<string, EventScope[]>();

  get isEmpty(): boolean {
    return this.scopes.size === 0;
  }

  scope(watched: WatchedEvent, variables: number): EventScope {
    const key = keyOf(watched.eventType, watched.protocol, watched.chain, watched.token);
    const { finality } = watched;
    const known = this.scopes.get(key) ?? [];
    const match = known.find((scope) => scope.variables === variables && scope.watched.finality === finality);
    if (match) return match;
    const scope = new EventScope(watched, variables);
    this.scopes.set(key, [...known, scope]);
    return scope;
  }

  /** Drops a scope without conditions; returns whether it was dropped. */
  release(scope: EventScope): boolean {
    if (scope.leaves.size > 0) return false;
    const { eventType, protocol, chain, token } = scope.watched;
    const key = keyOf(eventType, protocol, chain, token);
    const left = (this.scopes.get(key) ?? []).filter((other) => other !== scope);
    if (left.length > 0) this.scopes.set(key, left);
    else this.scopes.delete(key);
    return true;
  }

  /** Yields the scopes whose conditions wait for the event. */
  *matching({ type, protocol, chain, token, data = null }: MarketRow): Generator<EventScope> {
    for (const p of named(protocol)) {
      for (const c of named(chain)) {
        for (const t of named(token)) {
          for (const scope of this.scopes.get(keyOf(type, p, c, t)) ?? []) {
            if (isFor(scope.watched.finality, { type, data })) yield scope;
          }
        }
      }
    }
  }
}

const UNNAMED = [null] as const;

function named(name: string | null): readonly (string | null)[] {
  return name === null ? UNNAMED : [null, name];
}

function keyOf(type: string, protocol: string | null, chain: string | null, token: string | null): string {
  return `${type} ${protocol ?? ''} ${chain ?? ''} ${token ?? ''}`;
}
