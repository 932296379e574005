import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Question of a client. */
export interface MockCall {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** Something that goes wrong with an answer: it is changed, or the connection is. */
export type MockFault =
  /** Changes the parsed result; the answer is otherwise as it should be. */
  | { readonly result: (result: unknown, call: MockCall) => unknown }
  /** Answers with a JSON-RPC error. */
  | { readonly error: { readonly code: number; readonly message: string }; readonly status?: number }
  /** Changes members of the envelope, such as the id. */
  | { readonly envelope: Readonly<Record<string, unknown>> }
  /** Writes the answer itself. */
  | { readonly write: (response: ServerResponse, call: MockCall) => void | Promise<void> }
  | { readonly delayMs: number };

type Log = Record<string, unknown> & { topics?: unknown };

const eachLog = (change: (log: Log, index: number) => unknown[]): MockFault => ({
  result: (result) => (Array.isArray(result) ? (result as Log[]).flatMap(change) : result),
});
const patch = (members: Readonly<Record<string, unknown>>): MockFault => ({
  result: (result) => {
    if (Array.isArray(result)) return (result as Log[]).map((log) => ({ ...log, ...members }));
    return { ...(result as Log), ...members };
  },
});
const respond = (status: number, headers: Record<string, string>, body = ''): MockFault => ({
  write: (response) => void response.writeHead(status, headers).end(body),
});
const JSON_TYPE = { 'content-type': 'application/json' };
const OTHER_HASH = `0x${'ee'.repeat(32)}`;

/** Faults by name, for tests and benches. */
export const FAULTS = {
  /** Leaves out every log for which `isOmitted` says so; default: all. */
  omitLogs: (isOmitted: (index: number) => boolean = () => true) =>
    eachLog((log, index) => (isOmitted(index) ? [] : [log])),
  duplicateLogs: () => eachLog((log) => [log, log]),
  wrongBlockHash: () => patch({ blockHash: OTHER_HASH, hash: OTHER_HASH }),
  wrongBlockNumber: () => patch({ blockNumber: '0xffffff', number: '0xffffff' }),
  wrongAddress: () => patch({ address: `0x${'ee'.repeat(20)}` }),
  wrongTopic: () => patch({ topics: [OTHER_HASH] }),
  tooManyTopics: () => eachLog((log) => [{ ...log, topics: Array<unknown>(5).fill((log.topics as unknown[])[0]) }]),
  removedLogs: () => patch({ removed: true }),
  /** Quantities as JSON numbers, or as decimal text. */
  numbers: () => patch({ logIndex: 3, blockNumber: 3, number: 3, timestamp: 3 }),
  decimalText: () => patch({ logIndex: '3', blockNumber: '3', number: '3', timestamp: '3' }),
  /** Members that are missing, or no text. */
  emptied: () => patch({ data: null, topics: null, logsBloom: null, parentHash: null }),
  object: () => ({ result: () => ({ logs: [] }) }),
  nothing: () => ({ result: () => null }),
  wrongId: () => ({ envelope: { id: 'other' } }),
  tooManyRequests: (retryAfter = '0') => respond(429, { 'retry-after': retryAfter }),
  unavailable: () => respond(503, {}),
  html: () => respond(200, { 'content-type': 'text/html' }, '<!doctype html><title>Please log in</title>'),
  redirect: (location: string) => respond(307, { location }),
  invalidJson: () => respond(200, JSON_TYPE, '{"jsonrpc":"2.0","id":1,"result":[{"address":'),
  deepJson: (depth = 400_000) =>
    respond(200, JSON_TYPE, `{"jsonrpc":"2.0","id":1,"result":${'['.repeat(depth)}${']'.repeat(depth)}}`),
  /** An endless-looking list of so many bytes, written as fast as it is read. */
  huge: (bytes: number): MockFault => ({
    write: async (response, { id }) => {
      response.writeHead(200, JSON_TYPE).write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":[`);
      const piece = Buffer.from('"0123456789abcd",'.repeat(4 * 1024));
      for (let sent = 0; sent < bytes && !response.destroyed; sent += piece.length)
        if (!response.write(piece)) await drained(response);
      response.end('"0"]}');
    },
  }),
  /** A byte every `everyMs`, for ever. */
  drip: (everyMs = 20): MockFault => ({
    write: async (response) => {
      response.writeHead(200, JSON_TYPE);
      while (!response.destroyed) {
        response.write(' ');
        await sleep(everyMs);
      }
    },
  }),
  hang: (): MockFault => ({ write: () => undefined }),
  /** Breaks the connection before the answer, or in the middle of it. */
  reset: (): MockFault => ({ write: (response) => void response.destroy() }),
  cut: (): MockFault => ({
    write: (response, { id }) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-length': '1000' });
      response.write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":[`, () => response.destroy());
    },
  }),
} as const satisfies Record<string, (...args: never[]) => MockFault>;

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}
