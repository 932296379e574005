import { isUtf8 } from 'node:buffer';
import { setImmediate } from 'node:timers/promises';
import { DomainError } from '../../errors/domain-error.js';
import { JsonScan, type LongList } from './json-scan.js';

/** Bytes that are scanned or parsed before the event loop does other work: about 1 ms. */
const SLICE_BYTES = 128 * 1_024;
/** Largest piece that is parsed in one call, bytes; larger text that cannot be split is refused. */
const MAX_PIECE_BYTES = 1_024 * 1_024;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Returns the value of a client's JSON text. Nesting, fields and items are checked before values are allocated; a long text
 * is parsed in pieces, between which the event loop does other work.
 */
export async function parseJson(given: Buffer): Promise<unknown> {
  const text = given.subarray(0, 3).equals(BYTE_ORDER_MARK) ? given.subarray(3) : given;
  if (!isUtf8(text)) throw new DomainError('invalid_request', 'The request body must be UTF-8.');
  const scan = new JsonScan(text);
  for (let from = 0; from < text.length; from += SLICE_BYTES) {
    if (from > 0) await setImmediate();
    scan.advance(from, Math.min(from + SLICE_BYTES, text.length));
  }
  return text.length <= SLICE_BYTES || scan.longLists.length === 0 ? piece(text) : inPieces(text, scan.longLists);
}

/** Parses the text with its long lists emptied, then parses these lists piece by piece into the empty ones. */
async function inPieces(text: Buffer, lists: readonly LongList[]): Promise<unknown> {
  const edges = lists.flatMap(({ from, to }) => [from, to]);
  const skeleton = [0, ...edges].flatMap((edge, n, all) => (n % 2 === 0 ? [text.subarray(edge, all[n + 1])] : []));
  const value = piece(Buffer.concat(skeleton));
  for (const list of lists) {
    const target = emptyList(value, list, text);
    let parsed = 0;
    for (const [n, from] of [list.from, ...list.cuts.map((cut) => cut + 1)].entries()) {
      const to = list.cuts[n] ?? list.to;
      if ((parsed += to - from) > SLICE_BYTES) {
        parsed = 0;
        await setImmediate();
      }
      target.push(...(piece(text.subarray(from, to), ['[', ']']) as unknown[]));
    }
  }
  return value;
}

function emptyList(value: unknown, { key }: LongList, text: Buffer): unknown[] {
  const name = key === undefined ? undefined : String(piece(text.subarray(key.from, key.to)));
  const isObject = typeof value === 'object' && value !== null;
  const found: unknown =
    name === undefined ? value : isObject ? Object.getOwnPropertyDescriptor(value, name)?.value : 0;
  if (Array.isArray(found) && found.length === 0) return found as unknown[];
  throw new DomainError('invalid_request', 'The request body has two members with the same name.');
}

function piece(bytes: Buffer, [before, after] = ['', '']): unknown {
  if (bytes.length > MAX_PIECE_BYTES) {
    throw new DomainError('payload_too_large', `One value of the request body has more than ${MAX_PIECE_BYTES} bytes.`);
  }
  try {
    return JSON.parse(before + bytes.toString('utf8') + after);
  } catch (cause) {
    throw new DomainError('invalid_request', 'The request body is not valid JSON.', { cause });
  }
}
