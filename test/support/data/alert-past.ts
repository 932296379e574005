import type { LogEvent } from '../../../src/events/index.js';
import { aLogEvent } from './log-event.js';

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Returns numbers from 0 to 1, equal for equal seeds. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

const KEYS = [
  { token: 'bitcoin', value: 60_000 },
  { token: 'ethereum', value: 3_000 },
  // Moves only once in some days, so that the references of its windows are old.
  { token: 'tether', value: 1 },
  { protocol: 'aave', chain: 'ethereum', value: 8e9 },
  { protocol: 'aave', chain: 'bsc', value: 4e8 },
  { protocol: 'aave', chain: 'staking', value: 1e8 },
  { protocol: 'aave', chain: 'base', value: 2e8 },
  { protocol: 'lido', chain: 'ethereum', value: 2e10 },
] as const;

/**
 * Returns nine days of a log that ends at `end` (Unix ms): prices and TVL with quiet hours and busy minutes, chains of
 * one protocol whose observations overtake each other, and the ticks of the log in between.
 */
export function pastOfLog(end: number): LogEvent[] {
  const next = random(7);
  const held = new Map<number, { value: number; observedAt: number }>();
  const rows: LogEvent[] = [];
  const from = end - 9 * DAY;
  for (let time = from; time < end; time += next() < 0.9 ? 20_000 * next() : 200 * MINUTE * next()) {
    const tick = Math.floor(time / 10_000) * 10_000;
    if (tick > (rows.findLast(({ type }) => type === 'tick')?.loggedAt ?? 0)) rows.push(row(rows.length, tick, {}));
    const index = Math.floor(next() * KEYS.length);
    const key = KEYS[index];
    const before = held.get(index);
    if (key === undefined || ('token' in key && key.token === 'tether' && before && next() < 0.98)) continue;
    const value = before === undefined ? key.value : before.value * (0.95 + 0.1 * next());
    // One chain has a slow source, another a fast one; the values of one key arrive in order.
    const observedAt = Math.max((before?.observedAt ?? 0) + 1, Math.floor(time - index * 90_000 * next()));
    held.set(index, { value, observedAt });
    rows.push(row(rows.length, time, { ...key, value, observedAt, previous: before?.value ?? null }));
  }
  return rows;
}

interface Reading {
  token?: string;
  protocol?: string;
  chain?: string;
  value?: number;
  previous?: number | null;
  observedAt?: number;
}

function row(index: number, time: number, reading: Reading): LogEvent {
  const { token = null, protocol = null, chain = null, value = null, previous = null, observedAt = time } = reading;
  const metric = token === null ? 'tvl' : 'price';
  return aLogEvent(
    {
      seq: index + 1,
      epoch: 'past',
      type: value === null ? 'tick' : previous === null ? `${metric}_baseline` : `${metric}_change`,
      protocol,
      chain,
      token,
      previous,
      current: value,
      observedAt,
    },
    time,
  );
}
