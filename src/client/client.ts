import { ClientError } from './client-error.js';
import { Connection, delayMs, type ConnectionOptions, type State } from './connection.js';
import type { DefiEvent, StreamMessage } from './events.js';
import type { Ask, Filter } from './filter.js';
import { Positions, type PositionStore } from './positions.js';
import { globals } from './runtime.js';
import { Subscriber, type Answer, type Handler, type Subscription } from './subscription.js';
import type { WireSink } from './wire.js';

export interface ConnectOptions extends ConnectionOptions {
  /** Store of positions, such as `sessionStorage`: subscriptions continue after a reload. */
  readonly positions?: PositionStore;
}

/** Values that listeners of a client get, by the name of the listener. */
export interface Notices {
  state: State;
  /** Refusals without a handler of their own, and what handlers throw. */
  error: unknown;
  /** Text of an operator. */
  announcement: string;
}

export interface SubscribeOptions {
  /** Cursor after which to continue. */
  readonly since?: string;
  /** Name under which the position is stored; default: the filter. */
  readonly name?: string;
  /** Called when the subscription has ended because it was refused for good. */
  readonly onError?: (error: ClientError) => unknown;
  /** Called with each answer of the server, before what follows from it is given. */
  readonly onAnswer?: (answer: Answer, asked: Ask) => void;
}

export interface Client {
  readonly state: State;
  /** Subscribes; read with a handler, with `for await`, or both. */
  subscribe(filter: Filter, handler?: Handler, options?: SubscribeOptions): Subscription;
  /** Listens to the connection; returns the removal. */
  on<Name extends keyof Notices>(name: Name, listener: (value: Notices[Name]) => unknown): () => void;
  close(): void;
}

/** Connects to a server. The connection and its subscriptions last until `close`, over any number of reconnects. */
export function connect(options: ConnectOptions): Client {
  return new RealtimeClient(options);
}

class RealtimeClient implements Client, WireSink {
  private readonly subscribers = new Map<string, Subscriber>();
  private readonly listeners = new Map<keyof Notices, Set<(value: never) => unknown>>();
  private readonly positions: Positions;
  private readonly connection: Connection;
  private lastLabel = 0;

  constructor(options: ConnectOptions) {
    this.positions = new Positions(options.positions, options.url, (error) => this.report(error));
    this.connection = new Connection(options, this);
    void this.connection.open();
  }

  get state(): State {
    return this.connection.state;
  }

  subscribe(filter: Filter, handler?: Handler, options: SubscribeOptions = {}): Subscription {
    if (this.state === 'closed') throw new ClientError('closed', 'The client is closed.', false);
    const subscriber = new Subscriber(filter, this, handler, options);
    const begin = (position: string | null | undefined): void => {
      if (subscriber.hasEnded) return;
      if (this.state === 'closed') return subscriber.end();
      subscriber.start(position ?? undefined);
      this.subscribers.set(subscriber.label, subscriber);
      this.ask(subscriber);
    };
    const stored = options.since ?? this.positions.load(subscriber, options.name ?? JSON.stringify(filter));
    if (!(stored instanceof Promise)) begin(stored);
    else
      stored.then(begin, (error: unknown) => {
        this.report(error);
        begin(undefined);
      });
    return subscriber;
  }

  on<Name extends keyof Notices>(name: Name, listener: (value: Notices[Name]) => unknown): () => void {
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  close(): void {
    this.positions.save();
    this.connection.stop();
    for (const subscriber of this.subscribers.values()) subscriber.end();
  }

  // For subscriptions:

  ask(subscriber: Subscriber, values = false): void {
    const { wire } = this.connection;
    if (wire && this.subscribers.get(subscriber.label) === subscriber) wire.ask(subscriber, subscriber.nextAsk(values));
  }

  drop(subscriber: Subscriber): void {
    if (this.subscribers.delete(subscriber.label)) this.connection.wire?.drop(subscriber.label, subscriber);
  }

  relabel(subscriber: Subscriber): void {
    const hasBegun = this.subscribers.get(subscriber.label) === subscriber;
    this.drop(subscriber);
    subscriber.label = this.newLabel();
    if (hasBegun) this.subscribers.set(subscriber.label, subscriber);
  }

  remove(subscriber: Subscriber): void {
    this.drop(subscriber);
    this.positions.forget(subscriber);
  }

  newLabel(): string {
    return String(++this.lastLabel);
  }

  moved(subscriber: Subscriber): void {
    this.positions.note(subscriber);
  }

  report(error: unknown): void {
    if (this.listeners.get('error')?.size) this.tell('error', error);
    else globals().reportError?.(error);
  }

  absentMs(): number {
    return this.connection.absentMs();
  }

  // For the connection:

  position(): string | undefined {
    return [...this.subscribers.values()].find(({ position }) => position !== undefined)?.position;
  }

  stateChanged(state: State): void {
    if (state !== 'open' && state !== 'connecting') for (const one of this.subscribers.values()) one.wait();
    this.tell('state', state);
  }

  askAgain(): void {
    for (const subscriber of this.subscribers.values()) if (!subscriber.isLive) this.ask(subscriber);
  }

  pageLeaves(): void {
    this.positions.save();
  }

  finished(error: ClientError): void {
    this.positions.save();
    const subscribers = [...this.subscribers.values()];
    if (subscribers.length === 0) this.report(error);
    for (const subscriber of subscribers) subscriber.end(error);
  }

  // For the wire:

  opened(): void {
    this.askAgain();
  }

  accepted(expiresInMs: number | null | undefined): void {
    this.connection.accepted(expiresInMs);
  }

  alive(): void {
    this.connection.alive();
  }

  answered(subscriber: Subscriber, answer: Answer, asked: Ask): void {
    this.connection.settled();
    subscriber.answered(answer, asked);
  }

  event(label: string, event: DefiEvent): void {
    this.subscribers.get(label)?.takeEvent(event);
  }

  rows(subscriber: Subscriber, message: StreamMessage): void {
    if (subscriber.isLive) subscriber.give(message);
  }

  beat(cursor: string, subscriber?: Subscriber): void {
    for (const one of subscriber ? [subscriber] : this.subscribers.values()) one.advance(cursor);
  }

  restarted(cursor: string): void {
    for (const one of this.subscribers.values()) if (one.isLive) one.gap('epoch', cursor);
  }

  merged(): void {
    for (const one of this.subscribers.values()) if (one.isLive) one.gap('slow_consumer', one.position);
  }

  draining(afterMs: number): void {
    this.connection.draining(afterMs);
  }

  announced(text: string): void {
    this.tell('announcement', text);
  }

  refused(error: ClientError, subscriber: Subscriber, asked: Ask): void {
    if (asked !== subscriber.asked || subscriber.hasEnded) return;
    if (!error.retryable) return subscriber.end(error);
    subscriber.retryIn(delayMs(subscriber.refusals++, error.retryAfterMs), () => this.ask(subscriber));
  }

  failed(error: ClientError): void {
    this.connection.failed(error);
  }

  ended(error?: ClientError): void {
    this.connection.ended(error);
  }

  private tell<Name extends keyof Notices>(name: Name, value: Notices[Name]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])] as ((value: Notices[Name]) => unknown)[]) {
      try {
        const result = listener(value);
        if (result instanceof Promise) result.catch((error: unknown) => globals().reportError?.(error));
      } catch (error) {
        globals().reportError?.(error);
      }
    }
  }
}
