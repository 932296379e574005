import type { Replication } from './replication.js';

const MB = 2 ** 20;
const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 2 ** 10, MB, GB: 2 ** 30 };
/** Largest segment of the write-ahead log: one is held in memory. */
const MAX_SEGMENT_BYTES = 64 * MB;

/** Identity of the server at the other end of a connection. */
export interface ServerIdentity {
  readonly system: string;
  readonly timeline: number;
  /** Position up to which the write-ahead log is on its disk. */
  readonly position: string;
  readonly segmentBytes: number;
}

export async function identify(replication: Replication): Promise<ServerIdentity> {
  const { systemid, timeline, xlogpos } = await replication.row('IDENTIFY_SYSTEM');
  const { wal_segment_size } = await replication.row('SHOW wal_segment_size');
  const [, size = '', unit = ''] = /^(\d{1,9})([A-Za-z]{1,2})$/.exec(String(wal_segment_size)) ?? [];
  const segmentBytes = Number(size) * (UNITS[unit] ?? Number.NaN);
  if (!(segmentBytes <= MAX_SEGMENT_BYTES)) throw new Error('wal_segment_size of the server must be at most 64 MB');
  return { system: String(systemid), timeline: Number(timeline), position: String(xlogpos), segmentBytes };
}
