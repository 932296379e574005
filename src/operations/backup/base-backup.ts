import { randomBytes } from 'node:crypto';
import { newManifest, type BackupCatalog, type BackupManifest, type BackupPart } from './backup-catalog.js';
import { Replication } from './replication.js';
import { identify } from './server-identity.js';

/** Bytes of files in one stored object. */
const PART_BYTES = 8 * 2 ** 20;
/** Parts that are compressed, encrypted and stored at once; the server waits for more. */
const MAX_IN_FLIGHT = 3;
/** Longest list of files of the server, bytes: about a million files. */
const MAX_FILE_LIST_BYTES = 200 * 2 ** 20;

interface Context {
  /** Address of the server, for a second connection. */
  readonly url: string;
  readonly besides?: Readonly<Record<string, string>>;
  readonly now: () => number;
  /** Called after each stored part, with bytes; the total is the server's estimate. */
  progress(done: number, total: number): void;
}

/**
 * Copies a running server into the store: its files, and the part of the write-ahead log that makes them consistent. The
 * server itself reads the files, checks their checksums, and sends them over the replication protocol, so the same way
 * serves an embedded database, a server of this machine and one far away. The memory stays at a few parts.
 */
export async function makeBaseBackup(
  catalog: BackupCatalog,
  replication: Replication,
  context: Context,
): Promise<BackupManifest> {
  const { system, segmentBytes } = await identify(replication);
  const { server_version: serverVersion } = await replication.row('SHOW server_version');
  const started = new Date(context.now());
  const id = `${started.toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${randomBytes(2).toString('hex')}`;
  const sink = new PartSink(catalog, id, replication, context);
  const keeper = await keepWal(context.url);
  try {
    const rows = await replication.copy(COMMAND, sink);
    const parts = await sink.end();
    const [begin] = rows;
    const end = rows.at(-1);
    const spaces = rows.filter((row) => 'spcoid' in row && row['spcoid'] !== null);
    if (spaces.length > 0)
      throw new Error('databases with tablespaces outside of the data directory are not supported');
    const manifest = newManifest({
      id,
      system,
      serverVersion: String(serverVersion),
      segmentBytes,
      timeline: Number(begin?.['tli']),
      start: String(begin?.['recptr']),
      stop: String(end?.['recptr']),
      started: started.toISOString(),
      finished: new Date(context.now()).toISOString(),
      bytes: sink.bytes,
      parts,
      fileList: await catalog.write(catalog.fileListName(id), sink.fileList()),
      ...(context.besides === undefined ? {} : { besides: context.besides }),
    });
    await catalog.write(catalog.manifestName(id), Buffer.from(JSON.stringify(manifest)));
    return manifest;
  } finally {
    await keeper.close().catch(() => undefined);
  }
}

const COMMAND = `BASE_BACKUP (LABEL 'defi-realtime', PROGRESS, CHECKPOINT 'fast', WAL, MANIFEST 'yes')`;

/** Makes the server keep the write-ahead log from now on, as long as the returned connection is open. */
async function keepWal(url: string): Promise<Replication> {
  const keeper = await Replication.connect(url);
  const name = `defi_realtime_base_${randomBytes(6).toString('hex')}`;
  await keeper.rows(`CREATE_REPLICATION_SLOT "${name}" TEMPORARY PHYSICAL RESERVE_WAL`);
  return keeper;
}

/** Kinds of messages of a base backup, by their first byte. */
const KIND = { archive: 0x6e, manifest: 0x6d, data: 0x64, progress: 0x70 } as const;

/** Cuts the files that the server sends into parts and stores them. */
class PartSink {
  bytes = 0;
  private total = 0;
  private current = Buffer.allocUnsafe(PART_BYTES);
  private filled = 0;
  private inFlight = 0;
  private readonly parts: Promise<BackupPart>[] = [];
  private readonly list: Buffer[] = [];
  private isList = false;
  private listBytes = 0;

  constructor(
    private readonly catalog: BackupCatalog,
    private readonly id: string,
    private readonly replication: Replication,
    private readonly context: Context,
  ) {}

  row({ size }: Readonly<Record<string, string | null>>): void {
    this.total += Number(size ?? 0) * 1_024;
  }

  data(message: Buffer): void {
    const [kind] = message;
    if (kind === KIND.manifest) this.isList = true;
    else if (kind === KIND.data && this.isList) this.keepList(message.subarray(1));
    else if (kind === KIND.data) this.keep(message.subarray(1));
  }

  /** Stores the rest and returns all parts in their order. */
  async end(): Promise<BackupPart[]> {
    if (this.filled > 0) this.store();
    return Promise.all(this.parts);
  }

  fileList(): Buffer {
    return Buffer.concat(this.list);
  }

  private keepList(content: Buffer): void {
    this.listBytes += content.length;
    if (this.listBytes > MAX_FILE_LIST_BYTES) throw new Error('the database has too many files for a backup');
    this.list.push(Buffer.from(content));
  }

  private keep(content: Buffer): void {
    this.bytes += content.length;
    for (let at = 0; at < content.length;) {
      const copied = content.copy(this.current, this.filled, at);
      this.filled += copied;
      at += copied;
      if (this.filled === PART_BYTES) this.store();
    }
  }

  private store(): void {
    const name = this.catalog.partName(this.id, this.parts.length + 1);
    const stored = this.catalog.write(name, this.current.subarray(0, this.filled));
    this.current = Buffer.allocUnsafe(PART_BYTES);
    this.filled = 0;
    this.parts.push(stored);
    if (++this.inFlight >= MAX_IN_FLIGHT) this.replication.pause();
    stored.then(
      () => this.wrote(),
      (error: unknown) => this.replication.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  private wrote(): void {
    if (--this.inFlight < MAX_IN_FLIGHT) this.replication.resume();
    this.context.progress(this.bytes, this.total);
  }
}
