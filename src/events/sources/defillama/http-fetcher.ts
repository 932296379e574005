import { setTimeout as sleep } from 'node:timers/promises';
import {
  CircuitState,
  BrokenCircuitError,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhen,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { LRUCache } from 'lru-cache';
import { Agent, request, type Dispatcher } from 'undici';

export interface HttpFetcherOptions {
  /** Maximum size of a body after decompression, bytes. */
  maxBytes: number;
  /** Longest time for a whole answer, ms; also ends bodies that arrive very slowly. */
  timeoutMs: number;
  /** Maximum number of attempts of one `get`. */
  attempts: number;
  /** Pause before the second attempt, ms; doubles for each further attempt, with jitter. */
  retryMs: number;
  /** Number of consecutive failed `get`s after which requests pause for `breakMs`. */
  breakAfter: number;
  breakMs: number;
}

const FETCHER_DEFAULTS: HttpFetcherOptions = {
  maxBytes: 64 * 1024 * 1024,
  timeoutMs: 30_000,
  attempts: 3,
  retryMs: 1_000,
  breakAfter: 4,
  breakMs: 60_000,
};

/** Longest Retry-After that is waited for, ms; with a longer one, the next attempt is the next poll. */
const MAX_RETRY_AFTER_MS = 60_000;
/** Maximum number of stored ETags. URLs change with the requested tokens; the least recently used ETags are removed. */
const MAX_ETAGS = 100;

/** Error of a resource that could not be fetched. `retryable`: the same request may succeed soon. */
class FetchError extends Error {
  constructor(
    message: string,
    readonly retryable: boolean,
    readonly retryAfterMs?: number,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/**
 * Fetches JSON resources that change from time to time: sends ETags, limits time and size, retries after temporary failures,
 * and pauses requests to a host that fails repeatedly. Redirects are not followed.
 */
export class HttpFetcher {
  private readonly options: HttpFetcherOptions;
  /** Circuit breakers by host, so that a failing host does not block requests to others. */
  private readonly breakers = new Map<string, CircuitBreakerPolicy>();
  private readonly dispatcher: Dispatcher;
  /** ETags by URL. */
  private readonly etags = new LRUCache<string, string>({ max: MAX_ETAGS });

  constructor(options: Partial<HttpFetcherOptions> = {}) {
    this.options = { ...FETCHER_DEFAULTS, ...options };
    this.dispatcher = new Agent({ connect: { timeout: this.options.timeoutMs }, connections: 4 });
  }

  /** Returns the parsed JSON; undefined if it has not changed since the last successful `get` of this URL. */
  async get(address: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.breakerOf(hostOf(address)).execute(() => this.getPatiently(address, signal));
    } catch (error) {
      if (error instanceof BrokenCircuitError)
        throw new FetchError(`${hostOf(address)} failed repeatedly; requests are paused`, false);
      throw error;
    }
  }

  /** Hosts that failed repeatedly and get no requests for a while. */
  get openBreakers(): number {
    return [...this.breakers.values()].filter(({ state }) => state === CircuitState.Open).length;
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }

  /** Removes the ETag of a URL, so that the next `get` fetches the resource again. For answers that could not be used. */
  forget(address: string): void {
    this.etags.delete(address);
  }

  private breakerOf(host: string): CircuitBreakerPolicy {
    const known = this.breakers.get(host);
    if (known !== undefined) return known;
    const { breakAfter, breakMs } = this.options;
    const breaker = circuitBreaker(
      handleWhen((error) => error instanceof FetchError),
      { halfOpenAfter: breakMs, breaker: new ConsecutiveBreaker(breakAfter) },
    );
    this.breakers.set(host, breaker);
    return breaker;
  }

  private async getPatiently(address: string, signal: AbortSignal): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.getOnce(address, signal);
      } catch (error) {
        const failure = asFetchError(error, address);
        if (signal.aborted || !failure.retryable || attempt >= this.options.attempts) throw failure;
        const backOff = this.options.retryMs * 2 ** (attempt - 1) * (0.5 + Math.random());
        if ((failure.retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS) throw failure;
        await sleep(Math.max(backOff, failure.retryAfterMs ?? 0), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async getOnce(address: string, signal: AbortSignal): Promise<unknown> {
    const etag = this.etags.get(address);
    const { statusCode, headers, body } = await request(address, {
      dispatcher: this.dispatcher,
      headers: { accept: 'application/json', ...(etag === undefined ? {} : { 'if-none-match': etag }) },
      signal: AbortSignal.any([signal, AbortSignal.timeout(this.options.timeoutMs)]),
    });
    // Destroying an unfinished body emits an `error` event on it, which needs a listener.
    body.on('error', () => undefined);
    try {
      if (statusCode === 304) return undefined;
      if (statusCode !== 200) throw refused(statusCode, headers['retry-after']);
      if (!/\bjson\b/i.test(String(headers['content-type'] ?? '')))
        throw new FetchError('the answer is not JSON', false);
      const parsed: unknown = parse(await this.read(body));
      this.remember(address, headers['etag']);
      return parsed;
    } finally {
      // A body that is not read to its end would occupy its connection.
      body.destroy();
    }
  }

  private remember(address: string, etag: string | string[] | undefined): void {
    if (typeof etag === 'string') this.etags.set(address, etag);
    else this.etags.delete(address);
  }

  private async read(body: AsyncIterable<Buffer>): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of body) {
      size += chunk.length;
      if (size > this.options.maxBytes) {
        throw new FetchError(`the answer has more than ${this.options.maxBytes} bytes`, false);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

/** Parses a body. A failure is retryable: the body was probably cut off. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FetchError('the answer is not valid JSON', true, undefined, error);
  }
}

function refused(status: number, retryAfter: string | string[] | undefined): FetchError {
  const passing = status === 429 || status === 408 || status >= 500;
  return new FetchError(`the server answered ${status}`, passing, retryAfterMs(retryAfter));
}

function retryAfterMs(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function asFetchError(error: unknown, address: string): FetchError {
  if (error instanceof FetchError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new FetchError(`${hostOf(address)}: ${reason}`, true, undefined, error);
}

function hostOf(address: string): string {
  return new URL(address).host;
}
