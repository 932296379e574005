import { setTimeout as sleep } from 'node:timers/promises';
import {
  archiveContinues,
  historyName,
  parseHistory,
  parsePosition,
  segmentName,
  type TimelineEnd,
  type WalPosition,
  type WalSegment,
} from '../core/backup/wal.js';
import { BackupCatalog } from './backup-catalog.js';
import type { BackupStore } from './backup-store.js';
import { Replication } from './replication.js';
import type { SealedObjects } from './sealed-objects.js';
import { identify, type ServerIdentity } from './server-identity.js';
import { StoreStuck, StreamEnd, streamWal } from './wal-stream.js';

/** Slot by which the server keeps the log that is not archived yet. */
const SLOT = 'defi_realtime_backup';
/** Longest time that a change waits before it is stored, ms: a quarter of the 60 s that a loss may cost. */
const PARTIAL_INTERVAL_MS = 15_000;
const RECONNECT_PAUSE_MS = 1_000;

export interface ArchiveOptions {
  readonly url: string;
  readonly store: BackupStore;
  readonly sealed: SealedObjects;
  /** Ends after everything that the server has now. */
  readonly once: boolean;
  /** Goes on at the server's oldest position if what follows the archive is gone. */
  readonly skipGap: boolean;
  readonly stop: AbortSignal;
  readonly partialIntervalMs?: number;
  say(line: string): void;
  /** Says what is wrong and will be tried again. */
  warn(line: string): void;
  /** Called when everything that the server had at a time, Unix ms, is stored. */
  covered(at: number): void;
}

/**
 * Archives the write-ahead log of a server until `stop`, or up to now. A lost server is waited for; what the store cannot
 * take is kept by the server.
 */
export async function archiveWal(options: ArchiveOptions): Promise<void> {
  let isLost = false;
  let goal: { readonly at: number; readonly position: WalPosition } | undefined;
  for (;;) {
    try {
      const replication = await Replication.connect(options.url);
      try {
        const server = await identify(replication);
        if (options.once) goal ??= { at: Date.now(), position: parsePosition(server.position) };
        if (isLost) options.say('the server is available again');
        isLost = false;
        await archiveFrom(replication, server, goal?.position, options);
      } finally {
        replication.destroy();
      }
    } catch (error) {
      if (error instanceof StreamEnd && goal !== undefined) options.covered(goal.at);
      if (error instanceof StreamEnd || options.stop.aborted) return;
      if (error instanceof StoreStuck) continue;
      if (options.once || !isServerLoss(error)) throw explained(error);
      if (!isLost) options.warn(`the server is unavailable; trying again (${messageOf(error)})`);
      isLost = true;
    }
    await sleep(RECONNECT_PAUSE_MS, undefined, { signal: options.stop }).catch(() => undefined);
    if (options.stop.aborted) return;
  }
}

async function archiveFrom(
  replication: Replication,
  server: ServerIdentity,
  until: WalPosition | undefined,
  options: ArchiveOptions,
): Promise<void> {
  const { segmentBytes, system } = server;
  const catalog = new BackupCatalog(options.store, options.sealed, system);
  const history = await storeHistory(replication, server.timeline, catalog);
  let next = await firstMissing(replication, server, history, catalog, options);
  options.say(`archiving to ${options.store.description} from ${segmentName(next, segmentBytes)}`);
  const writer = new SegmentWriter(catalog, segmentBytes, options);
  for (;;) {
    const end = await streamWal(replication, next, writer, {
      slot: SLOT,
      segmentBytes,
      partialIntervalMs: options.partialIntervalMs ?? PARTIAL_INTERVAL_MS,
      isCurrent: next.timeline === server.timeline,
      notBefore: parsePosition(server.position),
      ...(until === undefined ? {} : { until }),
      stop: options.stop,
    });
    next = { timeline: end.timeline, number: parsePosition(end.at) / BigInt(segmentBytes) };
    options.say(`timeline ${end.timeline} begins at ${end.at}`);
  }
}

/** Stores how the server's timeline began, and returns the ends of the timelines before. */
async function storeHistory(
  replication: Replication,
  timeline: number,
  catalog: BackupCatalog,
): Promise<TimelineEnd[]> {
  if (timeline === 1) return [];
  const { content } = await replication.row(`TIMELINE_HISTORY ${timeline}`);
  const text = typeof content === 'string' ? content : Buffer.from(content as Uint8Array).toString('latin1');
  await catalog.write(catalog.walName(historyName(timeline)), Buffer.from(text, 'latin1'));
  return parseHistory(text);
}

async function firstMissing(
  replication: Replication,
  { timeline, segmentBytes }: ServerIdentity,
  history: readonly TimelineEnd[],
  catalog: BackupCatalog,
  { skipGap }: ArchiveOptions,
): Promise<WalSegment> {
  const restart = await slotStart(replication);
  const oldest = { timeline, number: restart / BigInt(segmentBytes) };
  const newest = new Map<number, bigint>();
  for (const { timeline, number, partial } of await catalog.segments(segmentBytes)) {
    if (!partial && number > (newest.get(timeline) ?? -1n)) newest.set(timeline, number);
  }
  const next = archiveContinues(newest, timeline, history, segmentBytes) ?? oldest;
  return skipGap && next.number < oldest.number ? oldest : next;
}

/** Returns the position from which the slot keeps the log; makes the slot if it is missing or has lost its place. */
async function slotStart(replication: Replication): Promise<WalPosition> {
  const read = async (): Promise<string | undefined> => {
    const { restart_lsn } = await replication.row(`READ_REPLICATION_SLOT ${SLOT}`);
    return typeof restart_lsn === 'string' ? restart_lsn : undefined;
  };
  let restart = await read();
  if (restart === undefined) {
    await replication.rows(`DROP_REPLICATION_SLOT ${SLOT}`).catch(() => undefined);
    await replication.rows(`CREATE_REPLICATION_SLOT ${SLOT} PHYSICAL RESERVE_WAL`);
    restart = await read();
  }
  if (restart === undefined) throw new Error(`the server does not keep its log for the slot ${SLOT}`);
  return parsePosition(restart);
}

/** Writes segments to the store. */
class SegmentWriter {
  constructor(
    private readonly catalog: BackupCatalog,
    private readonly segmentBytes: number,
    private readonly options: ArchiveOptions,
  ) {}

  async complete(segment: WalSegment, content: Buffer): Promise<void> {
    const name = this.catalog.walName(segmentName(segment, this.segmentBytes));
    await this.catalog.write(name, content);
    await this.catalog.store.remove(`${name}.partial`);
  }

  async partial(segment: WalSegment, content: Buffer): Promise<void> {
    await this.catalog.write(`${this.catalog.walName(segmentName(segment, this.segmentBytes))}.partial`, content);
  }

  covered(at: number): void {
    this.options.covered(at);
  }
}

/** SQLSTATEs of a server that starts, stops or is restarted, and of a slot that another process uses. */
const SERVER_LOSS = /^(?:08|57P0|53300)/;

function isServerLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return SERVER_LOSS.test(code) || /^E[A-Z]+$/.test(code) || /connection|closed/i.test(error.message);
}

function explained(error: unknown): unknown {
  const message = messageOf(error);
  const [, segment] = /requested WAL segment (\w+) has already been removed/.exec(message) ?? [];
  if (segment !== undefined)
    return new Error(
      `the server no longer has segment ${segment}, which the archive needs next: run backup wal --skip-gap, and then backup base at once`,
      { cause: error },
    );
  if (/is active for PID/.test(message))
    return new Error('another process archives this server already', { cause: error });
  return error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || String(error) : String(error);
}
