import type { BlockRange } from '../core/chain/range-size.js';
import { RpcFault } from './rpc-fault.js';

/** Error of a JSON-RPC answer. */
export interface RpcRefusal {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** Longest part of an error text that is searched, characters. */
const MAX_TEXT_LENGTH = 1_000;
/** Longest pause that an endpoint may ask for, ms. */
const MAX_RETRY_AFTER_MS = 60_000;

/** A form of texts that name a range that would be answered: two block numbers, or a number of blocks. */
interface SuggestionForm {
  readonly text: RegExp;
  readonly names: 'range' | 'blocks';
}

/** Forms in the order of preference: a text with both names the range that is certain to work. */
const SUGGESTIONS: readonly SuggestionForm[] = [
  // Alchemy: "… this block range should work: [0x0, 0x133e71]". Infura: "Try with this block range [0x1, 0x2]."
  { text: /block range[^[\]]{0,40}\[(0x[0-9a-f]{1,14}),\s?(0x[0-9a-f]{1,14})\]/i, names: 'range' },
  // reth, erigon: "query exceeds max results 20000, retry with the range 6000000-6000509"
  { text: /with the range (\d{1,15})\s?-\s?(\d{1,15})/i, names: 'range' },
  // QuickNode: "eth_getLogs is limited to a 10,000 range". 1RPC: "… limited to 0 - 10000 blocks range"
  { text: /limited to (?:an? )?(?:0 - )?([\d,]{1,12}k?) (?:blocks? )?range/i, names: 'blocks' },
  // geth: "exceed maximum block range: 5000". reth: "query exceeds max block range 100000"
  { text: /max(?:imum)? block range:? ([\d,]{1,12}k?)\b/i, names: 'blocks' },
  // Alchemy, free plan: "… with up to a 10 block range"
  { text: /up to an? ([\d,]{1,12}k?) block range/i, names: 'blocks' },
  // "block range too large (2000), maximum allowed is 1000 blocks"
  { text: /maximum (?:allowed )?(?:is set to|is) ([\d,]{1,12}k?)\b/i, names: 'blocks' },
  // "Maximum allowed number of requested blocks is 3500"
  { text: /number of requested blocks is ([\d,]{1,12}k?)\b/i, names: 'blocks' },
];

/** Words of refusals that a shorter range helps against. */
const RANGE_WORDS =
  /block range|range (?:is )?too (?:large|wide|big)|limited to [^.]{1,30}range|returned more than|exceeds? max|exceed maximum|max(?:imum)? (?:allowed )?(?:number of )?(?:requested )?blocks|response size|too many (?:logs|results|blocks)|query timeout/i;
const RATE_WORDS =
  /rate.?limit|too many requests|requests? (?:rate|limit|count)|compute units|capacity|throughput|calls per second|quota/i;
/** Codes of JSON-RPC errors that some providers use for too many requests. */
const RATE_CODES: ReadonlySet<number> = new Set([429, -32007, -32016, -32029, -32097]);
const LIMIT_EXCEEDED = -32005;

/** Returns the fault that the error of a JSON-RPC answer is. `asked`: the range of the question, if it had one. */
export function refusalFault({ code, message }: RpcRefusal, asked?: BlockRange): RpcFault {
  const text = message.slice(0, MAX_TEXT_LENGTH);
  const details = { rpcCode: code };
  if (asked !== undefined && RANGE_WORDS.test(text))
    return new RpcFault('range_too_large', 'the endpoint refused the range as too large', {
      ...details,
      suggested: suggestedRange(text, asked),
    });
  if (RATE_CODES.has(code) || code === LIMIT_EXCEEDED || RATE_WORDS.test(text))
    return new RpcFault('rate_limited', 'the endpoint wants fewer calls', details);
  return new RpcFault('bad_answer', `the endpoint answered with error ${code}`, details);
}

/** Returns the fault of an HTTP status other than 200; undefined for 200. */
export function statusFault(status: number, retryAfter: string | undefined): RpcFault | undefined {
  if (status === 200) return undefined;
  if (status >= 300 && status < 400) return new RpcFault('bad_answer', `the endpoint redirects (${status})`);
  if (status === 429)
    return new RpcFault('rate_limited', 'the endpoint wants fewer calls (429)', { retryAfterMs: pauseOf(retryAfter) });
  if (status === 413) return new RpcFault('too_large', 'the endpoint refused the answer as too large (413)');
  return new RpcFault('unreachable', `the endpoint answered ${status}`);
}

/** Returns the range that an error text suggests, if it lies in the range that was asked for. */
export function suggestedRange(text: string, asked: BlockRange): BlockRange | undefined {
  for (const { text: form, names } of SUGGESTIONS) {
    const [, first, second] = form.exec(text) ?? [];
    if (first === undefined) continue;
    const from = names === 'range' ? Number(first) : asked.from;
    const to = names === 'range' ? Number(second) : asked.from + countOf(first) - 1;
    if (from === asked.from && to >= from && to < asked.to) return { from, to };
  }
  return undefined;
}

/** Reads `10,000` and `2K`. */
function countOf(text: string): number {
  const digits = text.replaceAll(',', '');
  return /k$/i.test(digits) ? Number(digits.slice(0, -1)) * 1_000 : Number(digits);
}

/** Returns the pause of a Retry-After header, ms, at most `MAX_RETRY_AFTER_MS`. */
function pauseOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms));
}
