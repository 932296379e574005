const BLOCK = 512;

/** File, directory or link in an archive, as PostgreSQL writes it (ustar without extensions). */
export interface TarEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link';
  readonly mode: number;
  readonly bytes: number;
  /** Target of a link; empty otherwise. */
  readonly target: string;
}

/** Receives the content of an archive, in its order. */
interface TarSink {
  entry(entry: TarEntry): Promise<void>;
  /** Next bytes of the file that `entry` announced. */
  content(chunk: Buffer): Promise<void>;
}

/** Reads an archive from chunks of any size; keeps no more than one block. */
export class TarReader {
  private readonly block = Buffer.alloc(BLOCK);
  private filled = 0;
  /** Bytes of the current file that are still to come, and its filling bytes after them. */
  private left = 0;
  private filling = 0;
  private entries = 0;

  constructor(private readonly sink: TarSink) {}

  async write(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      if (this.left > 0) {
        const part = chunk.subarray(at, at + this.left);
        await this.sink.content(part);
        this.left -= part.length;
        at += part.length;
      } else if (this.filling > 0) {
        const skipped = Math.min(this.filling, chunk.length - at);
        this.filling -= skipped;
        at += skipped;
      } else {
        const copied = chunk.copy(this.block, this.filled, at);
        this.filled += copied;
        at += copied;
        if (this.filled === BLOCK) await this.header();
      }
    }
  }

  /** Returns the number of entries. Throws if the archive ends inside one. */
  end(): number {
    if (this.left > 0 || this.filling > 0 || this.filled > 0) throw new Error('the archive ends inside a file');
    return this.entries;
  }

  private async header(): Promise<void> {
    this.filled = 0;
    // Blocks of zeros end an archive.
    if (this.block.every((byte) => byte === 0)) return;
    const entry = parseHeader(this.block);
    this.entries++;
    await this.sink.entry(entry);
    this.left = entry.bytes;
    this.filling = (BLOCK - (entry.bytes % BLOCK)) % BLOCK;
  }
}

const KINDS: Readonly<Record<string, TarEntry['kind']>> = { '0': 'file', '\0': 'file', '5': 'directory', '2': 'link' };

function parseHeader(block: Buffer): TarEntry {
  if (octal(block, 148, 8) !== checksum(block)) throw new Error('the archive has a damaged header');
  const prefix = text(block, 345, 155);
  const path = prefix === '' ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`;
  const kind = KINDS[block.toString('latin1', 156, 157)];
  if (kind === undefined) throw new Error(`the archive has an entry of an unknown kind: ${path}`);
  const parts = path.split('/');
  if (path === '' || path.startsWith('/') || parts.includes('..'))
    throw new Error(`the archive has a path outside its directory: ${path}`);
  const bytes = kind === 'file' ? octal(block, 124, 12) : 0;
  return { path, kind, mode: octal(block, 100, 8), bytes, target: text(block, 157, 100) };
}

/** Returns the sum of the bytes with the field of the sum itself as spaces. */
function checksum(block: Buffer): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0);
}

function text(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? length : end);
}

function octal(block: Buffer, start: number, length: number): number {
  return Number.parseInt(text(block, start, length).trim() || '0', 8);
}
