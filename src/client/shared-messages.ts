import type { Ask, Filter, WireSink } from './index.js';

/**
 * Message from a tab to its host, the tab that has the connection. `ping` asks whether the host lives, `probe` whether its
 * connection does. Without `host` it is for any; `label` and what follows are of `ask` and `drop`.
 */
export type ToHost = readonly [
  kind: 'hello' | 'ping' | 'probe' | 'ask' | 'drop' | 'bye',
  tab: string,
  host: string | undefined,
  label: string,
  id: number,
  filter: Filter,
  ask: Ask,
];

/**
 * Message from a host to a tab: a call of its `WireSink` (`alive`: the connection lives), or `here`: the host lives, or `wait`: it
 * has no connection yet, and `value` tells whether it is hidden. Without `host` it is for tabs of any.
 */
export type ToTab = readonly [
  call: keyof WireSink | 'here' | 'wait',
  host?: string,
  value?: unknown,
  label?: string,
  id?: number,
];

/** Opens a channel between the pages of an origin. `send` copies the message. */
export function openChannel(name: string, receive?: (message: never) => void) {
  const channel = new BroadcastChannel(name);
  if (receive) channel.onmessage = ({ data }: { data: unknown }) => receive(data as never);
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin
    send: (...message: Partial<ToHost> | ToTab) => channel.postMessage(message),
    close: () => channel.close(),
  };
}

/** Parts of a page's global object; workers and other runtimes lack them. */
const page = globalThis as {
  readonly document?: { readonly visibilityState: string };
  readonly reportError?: (error: unknown) => void;
};

export const isHidden = (): boolean => page.document?.visibilityState === 'hidden';

export const report = (error: unknown): void => page.reportError?.(error);
