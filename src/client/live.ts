import type { Client, ClientError, DefiEvent, EventFilter, QueryFilter, QueryRow } from './index.js';
import type { SnapshotItem, StreamMessage, Subscription } from './index.js';

/** Rows at one moment. The object stays the same as long as nothing changes, and so does each row. */
export interface LiveState<Row> {
  readonly rows: readonly Row[];
  /** `loading`: no rows yet; `stale`: rows from before a loss, about to be replaced; `failed`: see `error`. */
  readonly status: 'loading' | 'live' | 'stale' | 'failed';
  readonly error: ClientError | undefined;
}

/** Store of rows, as React's `useSyncExternalStore`, Svelte and Solid read it. */
export interface LiveStore<Row> {
  getSnapshot(): LiveState<Row>;
  /** Calls the listener after each change; the rows are kept up to date while there is a listener. */
  subscribe(listener: () => void): () => void;
  /** Number of listeners. */
  readonly size: number;
}

/** Time for which an unused store stays up to date, ms: pages mount and unmount in quick succession. */
const KEEP_MS = 1_000;
/** Time after which a refused store tries again, ms. */
const RETRY_MS = 30_000;

/**
 * Keeps the rows of a live query, or the published values that match a filter, up to date. Rows keep their place when they change,
 * and new ones come last: sort them by what you show.
 */
export function live(client: Client, filter: QueryFilter): LiveStore<QueryRow>;
export function live(client: Client, filter: EventFilter): LiveStore<SnapshotItem>;
export function live(client: Client, filter: QueryFilter | EventFilter): LiveStore<QueryRow> | LiveStore<SnapshotItem> {
  if (filter.query) return new Store<QueryRow>(client, filter, ({ _key }) => _key, changeRows);
  return new Store<SnapshotItem>(client, { ...filter, snapshot: true }, keyOfItem, (message) =>
    changeItems(message, filter),
  );
}

interface Change<Row> {
  /** Whether the rows replace all earlier ones. */
  readonly isWhole?: boolean;
  readonly rows: readonly Row[];
  readonly removed?: readonly string[];
}

function changeRows(message: StreamMessage): Change<QueryRow> | undefined {
  if (message.eventType === 'query_result') return { isWhole: true, rows: message.rows };
  if (message.eventType !== 'query_change') return undefined;
  return { rows: [...message.added, ...message.changed], removed: message.removed };
}

const keyOfItem = (item: SnapshotItem): string =>
  item.metric === 'tvl' ? `${item.protocol} ${item.chain}` : item.token;

function changeItems(
  message: StreamMessage,
  { minValue = -Infinity, maxValue = Infinity }: EventFilter,
): Change<SnapshotItem> | undefined {
  if (message.eventType === 'snapshot') return { isWhole: true, rows: message.items };
  const item = 'eventId' in message ? itemOf(message) : undefined;
  if (!item) return undefined;
  const value = item.metric === 'tvl' ? item.tvl : item.price;
  // The change that leaves the range comes too.
  return value >= minValue && value <= maxValue ? { rows: [item] } : { rows: [], removed: [keyOfItem(item)] };
}

function itemOf(event: DefiEvent): SnapshotItem | undefined {
  const { timestamp, source, confidence, tags, cursor } = event;
  const common = { timestamp, source, confidence, tags, cursor };
  if (event.eventType === 'tvl_change') {
    const { protocol, name, category, chain, currentTvl } = event;
    return { metric: 'tvl', protocol, name, category, chain, tvl: currentTvl, ...common };
  }
  if (event.eventType !== 'price_change') return undefined;
  const { token, symbol, chain, currentPrice, volume24h, marketCap } = event;
  return { metric: 'price', token, symbol, chain, price: currentPrice, volume24h, marketCap, ...common };
}

/** Compares fields in any order: a snapshot and an event do not have the same one. */
function isEqual(a: object, b: object): boolean {
  const others = new Map(Object.entries(b));
  const fields = Object.entries(a);
  return (
    fields.length === others.size &&
    fields.every(([name, value]) => others.has(name) && JSON.stringify(value) === JSON.stringify(others.get(name)))
  );
}

class Store<Row extends object> implements LiveStore<Row> {
  private state: LiveState<Row> = { rows: [], status: 'loading', error: undefined };
  private rows = new Map<string, Row>();
  private readonly listeners = new Set<{ readonly call: () => void }>();
  private stop: (() => void) | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isNotifying = false;

  constructor(
    private readonly client: Client,
    private readonly filter: QueryFilter | EventFilter,
    private readonly keyOf: (row: Row) => string,
    private readonly changeOf: (message: StreamMessage) => Change<Row> | undefined,
  ) {}

  get size(): number {
    return this.listeners.size;
  }

  readonly getSnapshot = (): LiveState<Row> => this.state;

  readonly subscribe = (call: () => void): (() => void) => {
    // The same function may be given twice; each has its own removal.
    const listener = { call };
    this.listeners.add(listener);
    if (!this.stop) this.start();
    else if (this.state.status !== 'failed') clearTimeout(this.timer);
    return () => {
      if (!this.listeners.delete(listener) || this.listeners.size > 0) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.end(), KEEP_MS);
    };
  };

  private start(): void {
    clearTimeout(this.timer);
    let subscription: Subscription | undefined;
    const forget = this.client.on('state', (state) => {
      if (state !== 'open') this.set(this.state.rows, this.state.status === 'live' ? 'stale' : this.state.status);
    });
    this.stop = () => {
      forget();
      subscription?.unsubscribe();
    };
    try {
      const onError = (error: ClientError): void => this.fail(error);
      subscription = this.client.subscribe(this.filter, (message) => this.take(message), { onError });
    } catch (error) {
      this.fail(error as ClientError);
    }
  }

  private end(): void {
    clearTimeout(this.timer);
    this.stop?.();
    this.stop = undefined;
    if (this.state.status === 'live') this.set(this.state.rows, 'stale');
  }

  private fail(error: ClientError): void {
    this.set(this.state.rows, 'failed', error);
    if (error.code === 'closed') return;
    this.timer = setTimeout(() => {
      this.end();
      if (this.listeners.size > 0) this.start();
    }, RETRY_MS);
  }

  private take(message: StreamMessage): void {
    if (message.eventType === 'gap') return this.set(this.state.rows, 'stale');
    if (message.eventType === 'recovered') return this.set(this.state.rows, 'live');
    const change = this.changeOf(message);
    if (!change) return;
    const { isWhole = false, rows, removed = [] } = change;
    const older = this.rows;
    if (isWhole) this.rows = new Map();
    let isChanged = isWhole && older.size !== rows.length;
    const places = older.keys();
    for (const row of rows) {
      const key = this.keyOf(row);
      const known = older.get(key);
      const isSame = known !== undefined && isEqual(known, row);
      isChanged ||= !isSame || (isWhole && places.next().value !== key);
      this.rows.set(key, isSame ? known : row);
    }
    for (const key of removed) if (this.rows.delete(key)) isChanged = true;
    this.set(isChanged ? [...this.rows.values()] : this.state.rows, 'live');
  }

  private set(rows: readonly Row[], status: LiveState<Row>['status'], error?: ClientError): void {
    const { state } = this;
    if (rows === state.rows && status === state.status && error === state.error) return;
    this.state = { rows, status, error };
    if (this.isNotifying) return;
    this.isNotifying = true;
    // Once for all messages of this turn.
    queueMicrotask(() => {
      this.isNotifying = false;
      for (const { call } of this.listeners) {
        try {
          call();
        } catch (error) {
          (globalThis as { reportError?: (error: unknown) => void }).reportError?.(error);
        }
      }
    });
  }
}
