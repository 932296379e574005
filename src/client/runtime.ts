/** Parts of the standard `WebSocket` that the client uses. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(): void;
}

export type SocketClass = new (url: string) => SocketLike;

interface ResponseLike {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array }> } } | null;
  json(): Promise<unknown>;
}

/** Parts of the standard `fetch` that the client uses. */
export type FetchLike = (
  url: string,
  init: { method: string; headers: Record<string, string>; body: string; signal: AbortSignal; cache: 'no-store' },
) => Promise<ResponseLike>;

/** Parts of a browser's or worker's global object; all are missing in other runtimes. */
interface Globals {
  readonly WebSocket?: SocketClass;
  readonly fetch?: FetchLike;
  readonly document?: EventTarget & { readonly visibilityState: string };
  addEventListener?(name: string, work: () => void): void;
  removeEventListener?(name: string, work: () => void): void;
  reportError?(error: unknown): void;
}

/** Reads the runtime when it is called, so that importing the client needs no globals. */
export function globals(): Globals {
  return globalThis;
}

/**
 * Calls `wake` whenever the page may have missed something, `leave` when it may be about to end, and `pause` when the user has left
 * it: browsers keep no page for the way back that has an open connection. Returns the removal.
 */
export function watchPage(wake: () => void, leave: () => void, pause: () => void): () => void {
  const page = globals();
  const { document } = page;
  const seen = (): void => (document?.visibilityState === 'hidden' ? leave() : wake());
  document?.addEventListener('visibilitychange', seen);
  const watched: [string, () => void][] = [
    ['pageshow', wake],
    ['online', wake],
    ['resume', wake],
    ['pagehide', leave],
    ['pagehide', pause],
  ];
  for (const [name, work] of watched) page.addEventListener?.(name, work);
  return () => {
    document?.removeEventListener('visibilitychange', seen);
    for (const [name, work] of watched) page.removeEventListener?.(name, work);
  };
}
