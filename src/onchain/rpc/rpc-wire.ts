import { Agent, request, type Dispatcher } from 'undici';
import type { BlockRange } from '../core/index.js';
import { errorCode } from '../../platform/errors/error-code.js';
import { SlicedWork } from '../../platform/loop/slices.js';
import { AnswerSplitter, type RawAnswer } from './answer-splitter.js';
import { refusalFault, statusFault, type RpcRefusal } from './refusals.js';
import { faultIn, RpcFault } from './rpc-fault.js';

/** Loaded by the first call: its thousand files would delay the start of every process, also of one that follows no chain. */
let viem: Promise<typeof import('viem')> | undefined;

const CONNECT_TIMEOUT_MS = 3_000;
/** Longest time for a whole answer, ms; ends bodies that arrive very slowly. */
const TOTAL_TIMEOUT_MS = 10_000;
/** Connections to one endpoint: the step's call, the next range, and reads of repair. */
const CONNECTIONS = 8;
/** Largest body that is read of an answer with an HTTP error, bytes: only the JSON-RPC error in it is of use. */
const MAX_ERROR_BYTES = 64 * 1024;
/** Bytes of a body that are parsed before other work of the process has its turn. */
const BYTES_OF_A_TURN = 128 * 1024;

export interface WireOptions {
  readonly timeoutMs?: number | undefined;
  /** Maker of connections, such as one that checks addresses; default: an agent of the wire's own. */
  readonly dispatcher?: Dispatcher | undefined;
}

export interface WireCall {
  readonly method: string;
  readonly params: readonly unknown[];
  /** Largest body, bytes. */
  readonly maxBytes: number;
  /** Blocks of a question about a range. */
  readonly asked?: BlockRange | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WireAnswer {
  /** Result of the answer, nothing of it checked. */
  readonly result: unknown;
  /** Size of the body, bytes. */
  readonly bytes: number;
}

/**
 * JSON-RPC over HTTP to one address, by viem's transport on connections of undici. Follows no redirects, repeats nothing, and
 * bounds the time and the size of answers. All errors are `RpcFault`, or the reason of an abort; none shows the address.
 */
export class RpcWire {
  private readonly dispatcher: Dispatcher;
  private readonly timeoutMs: number;

  constructor(
    private readonly address: string,
    { timeoutMs = TOTAL_TIMEOUT_MS, dispatcher }: WireOptions = {},
  ) {
    this.timeoutMs = timeoutMs;
    this.dispatcher =
      dispatcher ?? new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, connections: CONNECTIONS, allowH2: false });
  }

  async call(call: WireCall): Promise<WireAnswer> {
    let answer: WireAnswer | undefined;
    const { http } = await (viem ??= import('viem'));
    const transport = http(this.address, {
      retryCount: 0,
      timeout: this.timeoutMs,
      maxResponseBodySize: false,
      // viem would parse the whole body in one piece. It gets the envelope; the result was parsed while it arrived.
      fetchFn: async (url, init) => {
        const posted = await this.post(url, init, call);
        answer = { result: posted.answer.result, bytes: posted.bytes };
        return Response.json({ jsonrpc: '2.0', id: posted.answer.id, result: null });
      },
    });
    const { method, params, signal } = call;
    try {
      await transport({}).request({ method, params }, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw asFault(error);
    }
    if (answer === undefined) throw new RpcFault('bad_answer', 'there was no answer');
    return answer;
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }

  private async post(
    url: string | URL | Request,
    { body: question, headers, signal }: RequestInit = {},
    call: WireCall,
  ): Promise<{ answer: RawAnswer; bytes: number }> {
    // viem gives both as text.
    const sent = textOf(question);
    const {
      statusCode,
      headers: received,
      body,
    } = await request(textOf(url), {
      dispatcher: this.dispatcher,
      method: 'POST',
      headers: { ...Object.fromEntries(new Headers(headers)), 'accept-encoding': 'identity' },
      body: sent,
      signal: signal ?? null,
    });
    // Destroying an unfinished body emits an `error` event on it, which needs a listener.
    body.on('error', () => undefined);
    try {
      if ((received['content-encoding'] ?? 'identity') !== 'identity')
        throw new RpcFault('bad_answer', 'the answer is compressed although this was not asked for');
      const failure = statusFault(statusCode, headerOf(received['retry-after']));
      if (failure !== undefined) throw await refusalIn(body, failure, call.asked);
      const { answer, bytes } = await read(body, call.maxBytes);
      if (isRefusal(answer.error)) throw refusalFault(answer.error, call.asked);
      const asked: unknown = JSON.parse(sent);
      if (typeof asked !== 'object' || asked === null || !('id' in asked) || asked.id !== answer.id)
        throw new RpcFault('bad_answer', 'the answer has the id of another question');
      if (answer.result === undefined) throw new RpcFault('bad_answer', 'the answer has no result');
      return { answer, bytes };
    } finally {
      // A body that is not read to its end would occupy its connection.
      body.destroy();
    }
  }
}

/** Reads and parses a body, in turns of the event loop. */
async function read(body: AsyncIterable<Buffer>, maxBytes: number): Promise<{ answer: RawAnswer; bytes: number }> {
  const splitter = new AnswerSplitter();
  const slices = new SlicedWork();
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new RpcFault('too_large', `the answer has more than ${maxBytes} bytes`);
    if (bytes > BYTES_OF_A_TURN && slices.isSliceOver) await slices.nextSlice();
    splitter.take(chunk);
  }
  return { answer: splitter.end(), bytes };
}

/** Returns the JSON-RPC error in the body of an HTTP error, which some providers send for ranges; else the HTTP error. */
async function refusalIn(body: AsyncIterable<Buffer>, failure: RpcFault, asked?: BlockRange): Promise<RpcFault> {
  if (failure.kind !== 'unreachable') return failure;
  try {
    const { answer } = await read(body, MAX_ERROR_BYTES);
    return isRefusal(answer.error) ? refusalFault(answer.error, asked) : failure;
  } catch {
    return failure;
  }
}

function isRefusal(error: unknown): error is RpcRefusal {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    typeof error.code === 'number' &&
    'message' in error &&
    typeof error.message === 'string'
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function headerOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Returns an error of viem or of the connection as a fault without its text, in which the address may stand. */
function asFault(error: unknown): RpcFault {
  const known = faultIn(error);
  if (known !== undefined) return known;
  if (error instanceof Error && error.name === 'TimeoutError')
    return new RpcFault('timeout', 'the endpoint gave no whole answer in time');
  let code = '';
  for (let each = error; each instanceof Error; each = each.cause) code = errorCode(each) || code;
  return new RpcFault('unreachable', `the endpoint is not reachable${code === '' ? '' : ` (${code})`}`);
}
