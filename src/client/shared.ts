import { ClientError, connect } from './index.js';
import type { Answer, Ask, Client, ConnectOptions, Filter, StreamMessage, Subscription } from './index.js';
import type { Wire, WireSink } from './index.js';

/** Messages from a tab to the tab that has the connection. */
type ToHost =
  | { readonly kind: 'hello'; readonly tab: string }
  | { readonly kind: 'bye'; readonly tab: string }
  | Asked
  | { readonly kind: 'drop'; readonly tab: string; readonly label: string };

interface Asked {
  readonly kind: 'ask';
  readonly tab: string;
  readonly label: string;
  readonly id: number;
  readonly filter: Filter;
  readonly ask: Ask;
}

/** Messages to one subscription of one tab. */
type ToSubscription = { readonly to: string; readonly label: string; readonly id: number } & (
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'message'; readonly message: StreamMessage }
  | { readonly kind: 'refused'; readonly error: object }
);

/** Messages to tabs. */
type ToTab =
  | { readonly kind: 'host' }
  | { readonly kind: 'beat' }
  | { readonly kind: 'ended'; readonly error: object }
  | { readonly kind: 'welcome'; readonly to: string }
  | ToSubscription;

type Channel = InstanceType<typeof BroadcastChannel>;

/** Interval at which the tab with the connection shows that it lives, ms. */
const BEAT_INTERVAL_MS = 10_000;

const plain = ({ code, message, retryable }: ClientError): object => ({ code, message, retryable });

/**
 * Connects like `connect`, with one connection for all tabs of the origin that use the same address: one tab holds it, and
 * when that tab ends another one continues. Without Web Locks and BroadcastChannel every tab has its own.
 */
export function connectShared(options: ConnectOptions): Client {
  if (typeof BroadcastChannel === 'undefined' || !navigator.locks) return connect(options);
  const name = `defi-realtime ${options.url}`;
  const tab = crypto.randomUUID();
  const ended = new AbortController();
  // Held while this tab lives, so that the tab with the connection knows when it has gone, however it went.
  void navigator.locks.request(`${name} ${tab}`, () => untilAborted(ended.signal));
  const host = (): Promise<void> => new Host(name, options).serve(ended.signal);
  navigator.locks.request(name, { signal: ended.signal }, host).catch(() => {});
  const client = connect({
    ...options,
    auth: '',
    openWire: (sink) => new TabWire(name, tab, sink),
  });
  client.on('state', (state) => {
    if (state === 'closed') ended.abort();
  });
  return client;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve());
  });
}

/** Connection of one tab: to the tab that has the real one. */
class TabWire implements Wire {
  private readonly channel: Channel;
  private readonly asked = new Map<string, { readonly subscriber: Asking; readonly ask: Ask; readonly id: number }>();
  private lastId = 0;
  private isWelcome = false;

  constructor(
    name: string,
    private readonly tab: string,
    private readonly sink: WireSink,
  ) {
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }: { data: unknown }) => this.receive(data as ToTab);
    this.post({ kind: 'hello', tab });
  }

  ask(subscriber: Asking, ask: Ask): void {
    const { label, filter } = subscriber;
    const id = ++this.lastId;
    this.asked.set(label, { subscriber, ask, id });
    this.post({ kind: 'ask', tab: this.tab, label, id, filter, ask });
  }

  drop(label: string): void {
    this.asked.delete(label);
    this.post({ kind: 'drop', tab: this.tab, label });
  }

  probe(): boolean {
    this.post({ kind: 'hello', tab: this.tab });
    return true;
  }

  renew(): boolean {
    return true;
  }

  close(): void {
    this.post({ kind: 'bye', tab: this.tab });
    this.channel.close();
  }

  private post(message: ToHost): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin
    this.channel.postMessage(message);
  }

  private receive(message: ToTab): void {
    switch (message.kind) {
      case 'host':
        return this.sink.ended();
      case 'ended':
        return this.sink.ended(ClientError.from(message.error));
      case 'beat':
        return this.sink.alive();
      case 'welcome':
        if (message.to === this.tab) this.enter();
        return;
      default:
        if (message.to === this.tab) this.take(message);
    }
  }

  private take(message: ToSubscription): void {
    this.sink.alive();
    const asked = this.asked.get(message.label);
    if (!asked || asked.id !== message.id) return;
    const { subscriber, ask } = asked;
    if (message.kind === 'answer') this.sink.answered(subscriber, message.answer, ask);
    else if (message.kind === 'refused') this.sink.refused(ClientError.from(message.error), subscriber, ask);
    else if ('eventId' in message.message) this.sink.event(message.label, message.message);
    else this.sink.rows(subscriber, message.message);
  }

  private enter(): void {
    this.sink.alive();
    if (this.isWelcome) return;
    this.isWelcome = true;
    this.sink.accepted(undefined);
    this.sink.opened();
  }
}

type Asking = Parameters<Wire['ask']>[0];

/** The tab that has the connection serves all tabs, itself included. */
class Host {
  private readonly channel: Channel;
  private readonly client: Client;
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly tabs = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly name: string,
    options: ConnectOptions,
  ) {
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }: { data: unknown }) => this.receive(data as ToHost);
    this.client = connect({ ...options, positions: undefined });
    this.client.on('error', (error) => {
      if (this.client.state === 'closed' && error instanceof ClientError) this.fail(error);
    });
  }

  /** Serves until the tab ends. */
  async serve(signal: AbortSignal): Promise<void> {
    this.post({ kind: 'host' });
    this.beat();
    if (!signal.aborted) await untilAborted(signal);
    clearTimeout(this.timer);
    this.client.close();
    this.channel.close();
  }

  private beat(): void {
    this.post({ kind: 'beat' });
    this.timer = setTimeout(() => this.beat(), BEAT_INTERVAL_MS);
  }

  private post(message: ToTab): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin
    this.channel.postMessage(message);
  }

  private fail(error: ClientError): void {
    this.post({ kind: 'ended', error: plain(error) });
  }

  private receive(message: ToHost): void {
    const { tab } = message;
    if (message.kind === 'hello') {
      this.watch(tab);
      this.post({ kind: 'welcome', to: tab });
    } else if (message.kind === 'bye') this.forget(tab);
    else {
      const key = `${tab} ${message.label}`;
      this.subscriptions.get(key)?.unsubscribe();
      this.subscriptions.delete(key);
      if (message.kind === 'ask') this.subscribe(message, key);
    }
  }

  private subscribe({ tab, label, id, filter, ask }: Asked, key: string): void {
    if (this.client.state === 'closed') return;
    /** Whether the answer is being taken: what follows from it, the tab concludes itself. */
    let isAnswer = false;
    let wasAnswered = false;
    const to = { to: tab, label, id };
    const wanted: Filter = filter.query ? filter : { ...filter, snapshot: ask.snapshot === true };
    const give = (message: StreamMessage): void => {
      if (!isAnswer || 'eventId' in message) this.post({ ...to, kind: 'message', message });
    };
    const subscription = this.client.subscribe(wanted, give, {
      ...(ask.since !== undefined && { since: ask.since }),
      onAnswer: (answer) => {
        if (wasAnswered || (ask.snapshot && !answer.items)) return;
        wasAnswered = true;
        isAnswer = true;
        queueMicrotask(() => (isAnswer = false));
        // Events after a snapshot's position follow one by one.
        this.post({ ...to, kind: 'answer', answer: { ...answer, cursor: answer.at ?? answer.cursor } });
      },
      onError: (error) => {
        if (this.client.state === 'closed') this.fail(error);
        else this.post({ ...to, kind: 'refused', error: plain(error) });
      },
    });
    this.subscriptions.set(key, subscription);
  }

  /** Waits for the lock of a tab, which is free once the tab has gone. */
  private watch(tab: string): void {
    if (this.tabs.has(tab)) return;
    this.tabs.add(tab);
    void navigator.locks.request(`${this.name} ${tab}`, () => {
      this.tabs.delete(tab);
      this.forget(tab);
    });
  }

  private forget(tab: string): void {
    for (const [key, subscription] of this.subscriptions) {
      if (!key.startsWith(`${tab} `)) continue;
      this.subscriptions.delete(key);
      subscription.unsubscribe();
    }
  }
}
