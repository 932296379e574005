import type { Session } from './session/session.js';

/**
 * Length of one slot of the wheel, ms: heartbeats of many connections are spread over the period instead of sent at once.
 */
const SLOT_DURATION_MS = 100;

/** Visits every session once per period, from one shared timer. */
export class HeartbeatWheel {
  private readonly slots: Set<Session>[];
  private readonly slotOf = new Map<Session, number>();
  private lastTick: number;
  private next = 0;

  constructor(periodMs: number, now: number) {
    this.slots = Array.from({ length: Math.max(1, Math.round(periodMs / SLOT_DURATION_MS)) }, () => new Set());
    this.lastTick = Math.floor(now / SLOT_DURATION_MS);
  }

  add(session: Session): void {
    this.next = (this.next + 1) % this.slots.length;
    this.slotOf.set(session, this.next);
    this.slots[this.next]?.add(session);
  }

  remove(session: Session): void {
    const slot = this.slotOf.get(session);
    if (slot === undefined) return;
    this.slotOf.delete(session);
    this.slots[slot]?.delete(session);
  }

  /** Returns the sessions that became due since the last call, each at most once. */
  due(now: number): Session[] {
    const tick = Math.floor(now / SLOT_DURATION_MS);
    const steps = Math.min(tick - this.lastTick, this.slots.length);
    this.lastTick = tick;
    const due: Session[] = [];
    for (let step = 0; step < steps; step++) due.push(...(this.slots[(tick - step) % this.slots.length] ?? []));
    return due;
  }
}
