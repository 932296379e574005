import { RpcFault } from './rpc-fault.js';

/** Deepest nesting of an answer: receipts with logs and their topics need 6. */
const MAX_DEPTH = 16;
/** Bytes of list entries that are parsed at once; about half a millisecond. */
const GROUP_BYTES = 64 * 1024;
/** Largest rest of an answer without the list, bytes; it is parsed at once. A header with 7,000 transactions fits. */
const MAX_ENVELOPE_BYTES = 512 * 1024;
/** Depth of the list under `result`. */
const LIST_DEPTH = 2;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Text before the list that is split; a key with escapes is not found, but no node writes one. */
const RESULT_KEY = /"result"[ \t\r\n]{0,16}:[ \t\r\n]{0,16}$/;
const MAX_KEY_BYTES = 64;

/** Envelope of a JSON-RPC answer, nothing of it checked. `result` is a list in whole, or another value. */
export interface RawAnswer {
  readonly id: unknown;
  readonly error: unknown;
  readonly result: unknown;
}

/**
 * Parser of a JSON-RPC answer that arrives in pieces. The entries of a list under `result` are parsed in groups as they come, so
 * that no body, whatever its size, holds the event loop; deep nesting ends at once. Cheaper than a worker thread, whose result
 * would have to be copied, entry by entry, on the event loop.
 */
export class AnswerSplitter {
  private depth = 0;
  private isInText = false;
  private isEscaped = false;
  private isInList = false;
  private hadList = false;
  /** Answer without the entries of the list. */
  private readonly envelope = new Pieces();
  /** Entries that are not parsed yet. */
  private readonly group = new Pieces();
  private readonly entries: unknown[] = [];
  /** Last bytes of the pieces before. */
  private tail = '';

  /** Takes the next piece of the body. */
  take(chunk: Buffer): void {
    let from = 0;
    for (let at = this.isInText ? this.endOfText(chunk, 0) + 1 : 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === QUOTE) at = this.endOfText(chunk, at + 1);
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        this.depth += 1;
        if (this.depth > MAX_DEPTH) throw new RpcFault('bad_answer', `the answer nests deeper than ${MAX_DEPTH}`);
        if (byte === OPEN_LIST && this.depth === LIST_DEPTH && !this.hadList && this.followsKey(chunk, at)) {
          this.toEnvelope(chunk.subarray(from, at + 1));
          this.isInList = this.hadList = true;
          from = at + 1;
        }
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        if (this.isInList && this.depth === LIST_DEPTH) {
          this.parseGroup(chunk.subarray(from, at));
          this.isInList = false;
          from = at;
        }
        this.depth -= 1;
      } else if (byte === COMMA && this.isInList && this.depth === LIST_DEPTH) {
        if (this.group.bytes + at - from < GROUP_BYTES) continue;
        this.parseGroup(chunk.subarray(from, at));
        from = at + 1;
      }
    }
    if (this.isInList) this.group.add(chunk.subarray(from));
    else this.toEnvelope(chunk.subarray(from));
    this.tail = (this.tail + chunk.toString('latin1', Math.max(0, chunk.length - MAX_KEY_BYTES))).slice(-MAX_KEY_BYTES);
  }

  /** Returns the answer after its last piece. */
  end(): RawAnswer {
    const parsed = parse(this.envelope.text());
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      throw new RpcFault('bad_answer', 'the answer is no JSON-RPC answer');
    const { id, error, result }: { id?: unknown; error?: unknown; result?: unknown } = parsed;
    return { id, error, result: this.hadList ? this.entries : result };
  }

  /** Returns the position of the quote that ends a text; the length of the piece if the text goes on in the next one. */
  private endOfText(chunk: Buffer, start: number): number {
    this.isInText = true;
    if (start >= chunk.length) return chunk.length;
    const from = this.isEscaped ? start + 1 : start;
    this.isEscaped = false;
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === QUOTE) {
        this.isInText = false;
        return at;
      }
      if (byte !== BACKSLASH) continue;
      at += 1;
      this.isEscaped = at === chunk.length;
    }
    return chunk.length;
  }

  private followsKey(chunk: Buffer, at: number): boolean {
    const before = this.tail + chunk.toString('latin1', Math.max(0, at - MAX_KEY_BYTES), at);
    return RESULT_KEY.test(before.slice(-MAX_KEY_BYTES));
  }

  private toEnvelope(piece: Buffer): void {
    this.envelope.add(piece);
    if (this.envelope.bytes > MAX_ENVELOPE_BYTES)
      throw new RpcFault('too_large', `the answer has more than ${MAX_ENVELOPE_BYTES} bytes beside a list`);
  }

  private parseGroup(last: Buffer): void {
    this.group.add(last);
    const parsed = parse(`[${this.group.text()}]`);
    if (Array.isArray(parsed)) for (const entry of parsed) this.entries.push(entry);
    this.group.clear();
  }
}

class Pieces {
  private pieces: Buffer[] = [];
  bytes = 0;

  add(piece: Buffer): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
  }

  text(): string {
    return Buffer.concat(this.pieces).toString('utf8');
  }

  clear(): void {
    this.pieces = [];
    this.bytes = 0;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RpcFault('bad_answer', 'the answer is not valid JSON');
  }
}
