import { roomsOf } from './rooms.js';
import type { Session } from './session/session.js';
import type { Subscriber } from './session/subscription.js';

/** Recipients of an announcement. A room is a channel's name, a subscription type, or `protocol:{slug}[:{chain}]`. */
export type Audience =
  | { to: 'everyone' }
  | { to: 'connection'; connectionId: string }
  | { to: 'user'; userId: string }
  | { to: 'room'; room: string };

/** The connections of this process by id, user and key. */
export class SessionRegistry {
  private readonly byId = new Map<string, Session>();
  private readonly byUser = new Map<string, Set<Session>>();
  private readonly byKey = new Map<string, Set<Session>>();
  /** Admins subscribed to the rows of every owner. */
  private readonly overseers = new Set<Subscriber>();
  private readonly expiring = new Set<Session>();

  get size(): number {
    return this.byId.size;
  }

  get(id: string): Session | undefined {
    return this.byId.get(id);
  }

  all(): Session[] {
    return [...this.byId.values()];
  }

  ofUser(userId: string): Session[] {
    return [...(this.byUser.get(userId) ?? [])];
  }

  ofKey(keyId: string): Session[] {
    return [...(this.byKey.get(keyId) ?? [])];
  }

  countBy(transport: string): number {
    let count = 0;
    for (const session of this.byId.values()) if (session.link.transport === transport) count++;
    return count;
  }

  add(session: Session): void {
    const { caller } = session.identity;
    this.byId.set(session.id, session);
    enter(this.byUser, caller.userId, session);
    enter(this.byKey, caller.keyId, session);
    this.trackExpiry(session);
  }

  /** Adds the session to those that expire, or removes it: the expiry of the caller's token may have changed. */
  trackExpiry(session: Session): void {
    if (session.identity.caller.endsAt === undefined) this.expiring.delete(session);
    else this.expiring.add(session);
  }

  remove(session: Session): void {
    const { caller } = session.identity;
    if (this.byId.get(session.id) === session) this.byId.delete(session.id);
    leave(this.byUser, caller.userId, session);
    leave(this.byKey, caller.keyId, session);
    this.overseers.delete(session);
    this.expiring.delete(session);
  }

  addOverseer(session: Subscriber): void {
    this.overseers.add(session);
  }

  /** Returns the sessions that may receive a row of this owner. */
  *mayReceive(owner: string): Iterable<Subscriber> {
    const own: ReadonlySet<Subscriber> | undefined = this.byUser.get(owner);
    if (own) yield* own;
    for (const session of this.overseers) if (!own?.has(session)) yield session;
  }

  audience(audience: Audience): Session[] {
    if (audience.to === 'user') return this.ofUser(audience.userId);
    if (audience.to === 'everyone') return this.all();
    if (audience.to === 'connection') return [this.byId.get(audience.connectionId) ?? []].flat();
    return this.all().filter((session) => roomsOf(session).has(audience.room));
  }

  expired(now: number): Session[] {
    if (this.expiring.size === 0) return [];
    return [...this.expiring].filter(({ identity }) => (identity.caller.endsAt ?? Infinity) <= now);
  }
}

function enter(map: Map<string, Set<Session>>, key: string, session: Session): void {
  const known = map.get(key);
  if (known) known.add(session);
  else map.set(key, new Set([session]));
}

function leave(map: Map<string, Set<Session>>, key: string, session: Session): void {
  const known = map.get(key);
  known?.delete(session);
  if (known?.size === 0) map.delete(key);
}
