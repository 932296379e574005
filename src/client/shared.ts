import { connect } from './index.js';
import type { Client, ConnectOptions } from './index.js';
import { openHost } from './shared-host.js';
import { openTabWire } from './shared-tab.js';

/** Tabs share a connection only if they have the same key, or, with changing tokens, the same `account`. */
export type SharedOptions = ConnectOptions &
  (
    | { readonly auth: string; readonly account?: undefined }
    | {
        /** Name of the user whose tokens `auth` gives, such as the user's id; it is visible to pages of the same origin. */
        readonly account: string;
      }
  );

/**
 * Connects like `connect`, with one connection for all tabs of the origin that use the same address and key: one tab holds it,
 * and when that tab ends or freezes another one continues. Without Web Locks and BroadcastChannel every tab has its own.
 */
export function connectShared(options: SharedOptions): Client {
  const { auth } = options;
  const account = options.account ?? (typeof auth === 'string' && digest(auth));
  const { locks } = globalThis.navigator ?? {};
  if (!account || !locks) return connect(options);
  const name = `defi-realtime ${options.url} ${account} `;
  // Begins the labels of its subscriptions, of at most 16 characters.
  const tab = crypto.randomUUID().slice(0, 9);
  const client = connect({
    ...options,
    auth: '',
    openWire: (sink) => openTabWire(name, tab, sink, () => void hold({ steal: true })),
  });
  const closed = new Promise<void>((resolve) => {
    client.on('state', (state) => {
      if (state === 'closed') resolve();
    });
  });
  /** Holds the connection while this tab has the lock. Returns whether it ever had. */
  const hold = async (how: { readonly steal?: true }): Promise<boolean> => {
    let end: (() => void) | undefined;
    try {
      await locks.request(name, how, () => {
        if (client.state === 'closed') return undefined;
        end = openHost(name, options);
        return closed;
      });
    } catch {
      // Another tab has taken over.
    }
    end?.();
    return end !== undefined;
  };
  /** Waits until no other tab is the host, and again after another tab has taken over. */
  const stand = async (): Promise<void> => {
    while (await hold({}));
  };
  // Held while this tab lives, so that the host knows when it has gone.
  void locks.request(name + tab, () => closed);
  void stand();
  return client;
}

/** Returns a digest of a key: names of locks and channels are visible to all pages of the origin. */
function digest(text: string): string {
  let sum = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  return sum.toString(36);
}
