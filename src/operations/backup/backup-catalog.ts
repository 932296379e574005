import { createHash } from 'node:crypto';
import { parsePosition, parseSegmentName, type WalSegment } from '../core/backup/wal.js';
import type { BackupStore, StoredObject } from './backup-store.js';
import { DamagedObject, type SealedObjects } from './sealed-objects.js';

/** Version of the form of manifests; an unknown one is refused. */
const FORM = 1;
const SYSTEM = /^(\d{1,20})\//;

/** Stored part of a base backup. */
export interface BackupPart {
  readonly name: string;
  /** Size as stored. */
  readonly bytes: number;
  /** SHA-256 of the stored bytes, hexadecimal. */
  readonly sha256: string;
}

/** Description of a complete base backup; it is written last. */
export interface BackupManifest {
  readonly form: typeof FORM;
  readonly id: string;
  /** Identifier of the database system that was copied. */
  readonly system: string;
  readonly serverVersion: string;
  readonly segmentBytes: number;
  readonly timeline: number;
  /** Positions of the write-ahead log from which to and up to which it must be replayed. */
  readonly start: string;
  readonly stop: string;
  /** ISO 8601. A restore can reach every time from `finished` on. */
  readonly started: string;
  readonly finished: string;
  /** Size of the copied files. */
  readonly bytes: number;
  readonly parts: readonly BackupPart[];
  /** Server's own list of the files, which pg_verifybackup reads. */
  readonly fileList: BackupPart;
  /** Files of DATA_DIR beside an embedded database by name, such as the key of its secrets. */
  readonly besides?: Readonly<Record<string, string>>;
}

/** File of the write-ahead log in the store. */
export interface ArchivedSegment extends WalSegment, StoredObject {
  /** Whether the server still writes to it: it has its beginning only. */
  readonly partial: boolean;
}

/** Names, and reading, of what the store has of one database system. */
export class BackupCatalog {
  constructor(
    readonly store: BackupStore,
    readonly sealed: SealedObjects,
    readonly system: string,
  ) {}

  partName(id: string, part: number): string {
    return `${this.system}/base/${id}/part-${String(part).padStart(6, '0')}`;
  }

  fileListName(id: string): string {
    return `${this.system}/base/${id}/files`;
  }

  manifestName(id: string): string {
    return `${this.system}/base/${id}/manifest`;
  }

  walName(file: string): string {
    return `${this.system}/wal/${file}`;
  }

  /** Seals and stores an object and returns its description. */
  async write(name: string, content: Uint8Array): Promise<BackupPart> {
    const stored = await this.sealed.seal(name, content);
    await this.store.put(name, stored);
    return { name, bytes: stored.length, sha256: sha256(stored) };
  }

  /** Throws DamagedObject if the object is missing or not what was written. */
  async read(name: string, expected?: BackupPart): Promise<Buffer> {
    const stored = await this.store.get(name);
    if (stored === undefined) throw new DamagedObject(`${name} is missing`);
    if (expected !== undefined && stored.length !== expected.bytes)
      throw new DamagedObject(`${name} is damaged: it has ${stored.length} bytes instead of ${expected.bytes}`);
    const content = await this.sealed.open(name, stored);
    if (expected !== undefined && sha256(stored) !== expected.sha256)
      throw new DamagedObject(`${name} is damaged: it is another version than the one of its backup`);
    return content;
  }

  /** Returns the ids of all base backups, oldest first, and whether each is complete. */
  async bases(): Promise<{ id: string; isComplete: boolean; objects: readonly StoredObject[] }[]> {
    const byId = new Map<string, StoredObject[]>();
    for (const object of await this.store.list(`${this.system}/base/`)) {
      const id = object.name.split('/')[2] ?? '';
      byId.set(id, [...(byId.get(id) ?? []), object]);
    }
    return [...byId].map(([id, objects]) => {
      const isComplete = objects.some(({ name }) => name === this.manifestName(id));
      return { id, isComplete, objects };
    });
  }

  async manifest(id: string): Promise<BackupManifest> {
    const name = this.manifestName(id);
    const manifest = JSON.parse((await this.read(name)).toString('utf8')) as BackupManifest;
    if (manifest.form !== FORM) throw new Error(`${name} was written by a newer version of this program`);
    return manifest;
  }

  /** Returns the manifests of the complete base backups, oldest first. */
  async manifests(): Promise<BackupManifest[]> {
    const complete = (await this.bases()).filter(({ isComplete }) => isComplete);
    return Promise.all(complete.map(({ id }) => this.manifest(id)));
  }

  /** Returns the files of the write-ahead log in the order of their names. */
  async segments(segmentBytes: number): Promise<ArchivedSegment[]> {
    const objects = await this.store.list(`${this.system}/wal/`);
    return objects.flatMap((object) => {
      const file = object.name.split('/')[2] ?? '';
      const segment = parseSegmentName(file.replace(/\.partial$/, ''), segmentBytes);
      return segment === undefined ? [] : [{ ...object, ...segment, partial: file.endsWith('.partial') }];
    });
  }
}

/** Returns the systems that have anything in the store. */
export async function systemsIn(store: BackupStore): Promise<string[]> {
  const objects = await store.list('');
  const found = objects.map(({ name }) => SYSTEM.exec(name)?.[1]).filter((system) => system !== undefined);
  return [...new Set(found)];
}

/** Returns the first segment that a restore of the base backup needs. */
export function firstSegment({ timeline, start, segmentBytes }: BackupManifest): WalSegment {
  return { timeline, number: parsePosition(start) / BigInt(segmentBytes) };
}

export function newManifest(content: Omit<BackupManifest, 'form'>): BackupManifest {
  return { form: FORM, ...content };
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
