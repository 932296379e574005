import { DomainError } from '../../errors/domain-error.js';
import { inputFault } from '../../input/faults.js';

/**
 * Deepest nesting of a body. Every valid request needs less: the deepest is a query of depth 5 with its surrounding objects.
 */
export const MAX_DEPTH = 32;
/** Maximum number of fields of one object. */
const MAX_FIELDS = 200;
/** Maximum number of items of one list; an ingest request may have as many. */
const MAX_ITEMS = 10_000;
/** Shortest piece of a long list that is parsed by itself, bytes. */
const MIN_PIECE_BYTES = 32 * 1_024;

/**
 * List that can be parsed in pieces: a list in a member of the outermost object, or the outermost value itself (`key` is
 * then undefined).
 */
export interface LongList {
  /** Position of the member's name with its quotes. */
  readonly key: { readonly from: number; readonly to: number } | undefined;
  /** Position after the list's opening bracket. */
  readonly from: number;
  /** Position of the list's closing bracket. */
  to: number;
  /** Positions of commas at which the list can be split. */
  readonly cuts: number[];
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Scans the bytes of a JSON text before anything is allocated for its values: refuses text with too much nesting, too many
 * fields or items, and finds positions at which long lists can be split. The caller chooses the size of the steps. The scan
 * does not check the syntax; the parser does.
 */
export class JsonScan {
  readonly longLists: LongList[] = [];
  private depth = 0;
  /** Number of commas at each level of nesting, and whether the level is an object. */
  private readonly commas = new Uint32Array(MAX_DEPTH + 1);
  private readonly isObject = new Uint8Array(MAX_DEPTH + 1);
  private inString = false;
  private escaped = false;
  private stringFrom = 0;
  private key: LongList['key'];
  private list: LongList | undefined;
  private lastCut = 0;

  constructor(private readonly text: Buffer) {}

  /** Scans a range of bytes. Each range must start where the previous one ended. */
  advance(from: number, to: number): void {
    const { text } = this;
    for (let at = from; at < to; at++) {
      const byte = text[at];
      if (this.inString) {
        if (this.escaped) this.escaped = false;
        else if (byte === BACKSLASH) this.escaped = true;
        else if (byte === QUOTE) this.endString(at);
      } else if (byte === QUOTE) {
        this.inString = true;
        this.stringFrom = at;
      } else if (byte === COMMA) this.comma(at);
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.open(byte === OPEN_OBJECT, at);
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) this.close(at);
    }
  }

  private endString(at: number): void {
    this.inString = false;
    if (this.depth === 1) this.key = { from: this.stringFrom, to: at + 1 };
  }

  private open(isObject: boolean, at: number): void {
    if (this.depth === MAX_DEPTH) {
      throw new DomainError('limit_exceeded', `The request is nested deeper than ${MAX_DEPTH} levels; flatten it.`);
    }
    const isMember = this.depth === 1 && this.isObject[1] === 1;
    this.depth++;
    this.commas[this.depth] = 0;
    this.isObject[this.depth] = isObject ? 1 : 0;
    if (!isObject && (isMember || this.depth === 1)) {
      this.list = { key: isMember ? this.key : undefined, from: at + 1, to: at + 1, cuts: [] };
      this.lastCut = at;
    }
  }

  private close(at: number): void {
    if (this.depth === 0) return;
    if (this.list && this.depth === depthOf(this.list)) {
      this.list.to = at;
      if (this.list.cuts.length > 0) this.longLists.push(this.list);
      this.list = undefined;
    }
    this.depth--;
  }

  private comma(at: number): void {
    const { depth } = this;
    const commas = (this.commas[depth] ?? 0) + 1;
    this.commas[depth] = commas;
    if (this.isObject[depth] === 1) {
      if (commas >= MAX_FIELDS) throw tooWide();
      return;
    }
    if (commas >= MAX_ITEMS) {
      throw new DomainError(
        'limit_exceeded',
        `A list in a request must have at most ${MAX_ITEMS} items. Split the list, or stream application/x-ndjson to a route that accepts it.`,
      );
    }
    if (this.list && depth === depthOf(this.list) && at - this.lastCut >= MIN_PIECE_BYTES) {
      this.list.cuts.push(at);
      this.lastCut = at;
    }
  }
}

function depthOf(list: LongList): number {
  return list.key === undefined ? 1 : 2;
}

function tooWide(): DomainError {
  const detail = `An object of the request has more than ${MAX_FIELDS} fields; remove some.`;
  return inputFault('invalid_request', '', 'too_many_fields', detail);
}
