import { io } from './vendor/socket.io.js';

const WANTED = [{ type: 'tvl_changes' }, { type: 'price_changes' }, { type: 'protocol_updates' }];
/** Events of chains: they tell what to read again and are no changes of values. */
const CHAIN_EVENTS = new Set(['onchain_event', 'points_change', 'chain_reorg']);
/** Minimum interval between changes of a query, ms: a table that changes more often cannot be read. */
const QUERY_INTERVAL_MS = 1_000;
/** Time without a message after which figures are no longer live, ms: heartbeats arrive every 15 s, so two were missed. */
const SILENCE_TIMEOUT_MS = 35_000;

/**
 * Connection to the server: a snapshot first, then every change. After an interruption it continues from the newest
 * cursor that it received, so that no event is missed or shown twice. Fires `state`, `change`, `snapshot`, `restart`,
 * `resumed`, `refused`, `announcement`; for alerts `alerts` (when they are followed), `alert` and `alertsRefused`; for
 * live queries `queryResult`, `queryChange`, `queryError`; `chain` for events of chains.
 */
export class Stream extends EventTarget {
  state = 'waiting';
  /** Whether the snapshot is complete; the answers to requests that follow it are then expected. */
  get isReady() {
    return this.#live;
  }
  /** Whether alerts were asked for, and why they are refused. */
  areAlertsAsked = false;
  alertsRefusal = '';
  cursor = '';
  reconnects = 0;
  recovered = 0;
  heartbeatAt = 0;
  /** Difference between the server's clock and the browser's clock, ms. */
  clockOffset = 0;
  #socket;
  #live = false;
  #open = true;
  /** Ids of events that arrived before the answer to `subscribe`. */
  #early = new Set();
  #wait;
  #timer;

  connect(key) {
    this.#socket = io('/v1/realtime', {
      // The page restores its position and live queries itself, not through the server.
      auth: { apiKey: key, resume: false },
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
    });
    const socket = this.#socket;
    socket.on('connect', () => this.#subscribe());
    socket.on('disconnect', (reason) => this.#lost(reason));
    socket.on('connect_error', (error) => this.#refused(error));
    socket.on('snapshot', ({ items }) => this.#fire('snapshot', items));
    socket.on('heartbeat', (beat) => this.#heartbeat(beat));
    socket.on('resync', () => {
      this.#forget();
      void this.#subscribe();
    });
    socket.on('server_draining', ({ reconnectAfterMs }) => (this.#wait = reconnectAfterMs));
    socket.on('slow_consumer', ({ mode }) => mode && this.#setState('live', 'thinned'));
    socket.on('system_announcement', ({ message }) => this.#fire('announcement', message));
    socket.on('alert', (event) => this.#alert(event));
    socket.on('query_result', (result) => this.#fire('queryResult', result));
    socket.on('query_change', (change) => this.#fire('queryChange', change));
    socket.on('error', (error) => error.subscriptionId && this.#fire('queryError', error));
    // `eventType` distinguishes events from other messages; alerts are handled separately.
    socket.onAny((name, event) => event?.eventType === name && name !== 'alert' && this.#event(name, event));
    this.#timer = setInterval(() => this.#checkSilence(), 1_000);
  }

  close() {
    this.#open = false;
    clearInterval(this.#timer);
    this.#socket?.disconnect();
  }

  async #subscribe() {
    this.#live = false;
    const since = this.cursor || undefined;
    const answer = await this.#ask(since ? { since } : { snapshot: true });
    if (!answer) return;
    if (since) {
      this.reconnects += 1;
      this.recovered += answer.replayed ?? 0;
      this.#fire('resumed', { recovered: answer.recovered, replayed: answer.replayed ?? 0 });
    }
    const fresh = !since || answer.recovered === false;
    if (since && fresh) {
      // The missed events can no longer be replayed, so the page starts again from a snapshot.
      this.#forget();
      await this.#subscribe();
      return;
    }
    this.#advance(answer.cursor);
    this.#early.clear();
    this.#live = true;
    this.heartbeatAt = Date.now();
    this.#setState('live');
    this.#fire('ready', { fresh });
    void this.#compareClocks();
    void this.#followAlerts();
  }

  /**
   * Follows a query and returns its id; undefined if the connection was lost in the meantime. Throws the server's
   * refusal.
   */
  async follow(query) {
    const answer = await this.#answerTo('subscribe', { type: 'query', query, intervalMs: QUERY_INTERVAL_MS });
    if (!answer || answer.ok) return answer?.subscription.id;
    throw Object.assign(new Error(answer.error.message), answer.error);
  }

  unfollow(id) {
    return this.#answerTo('unsubscribe', { id });
  }

  async #answerTo(name, body) {
    if (!this.#live) return undefined;
    try {
      return await this.#socket.timeout(60_000).emitWithAck(name, body);
    } catch {
      // The connection was lost in the meantime; its end also ended the followed query.
      return undefined;
    }
  }

  /**
   * Follows alerts in a separate request, so that the page also works with a key that may only see changes. Nothing is
   * replayed, because the history contains the missed alerts.
   */
  async #followAlerts() {
    try {
      const answer = await this.#socket.timeout(60_000).emitWithAck('subscribe', { type: 'alerts' });
      this.areAlertsAsked = true;
      if (!answer.ok) {
        this.alertsRefusal = answer.error.message;
        this.#fire('alertsRefused', this.alertsRefusal);
      }
      this.#fire('alerts');
    } catch {
      // The connection was lost in the meantime; the next connection repeats the request.
    }
  }

  /** Follows events of chains, if the key may. Nothing is replayed, because what they change is read anew. */
  followChains() {
    return this.#answerTo('subscribe', { type: 'onchain' });
  }

  async #ask(options) {
    try {
      const answer = await this.#socket.timeout(60_000).emitWithAck(
        'subscribe',
        WANTED.map((body) => ({ ...body, ...options })),
      );
      if (answer.ok) return answer;
      this.#retryOrLeave(answer.error, () => void this.#subscribe());
    } catch {
      // The connection was lost in the meantime; the next connection repeats the request.
    }
    return undefined;
  }

  /** Computes the clock difference from the fastest answer, in which the times to and from the server differ least. */
  async #compareClocks() {
    let fastest = Infinity;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      const sent = Date.now();
      try {
        const { timestamp } = await this.#socket.timeout(5_000).emitWithAck('ping', {});
        const took = Date.now() - sent;
        if (!(took < fastest)) continue;
        fastest = took;
        this.clockOffset = new Date(timestamp).getTime() - (sent + took / 2) || 0;
      } catch {
        return;
      }
    }
  }

  /**
   * Handles an event. Until the answer to `subscribe` the position does not change, so that an interrupted replay is
   * repeated from its beginning; events already shown are recognised by their id.
   */
  #event(name, event) {
    if (this.#live) this.#advance(event.cursor);
    else if (this.#early.has(event.eventId)) return;
    else this.#early.add(event.eventId);
    if (CHAIN_EVENTS.has(name)) this.#fire('chain', event);
    else this.#fire('change', { name, event, live: this.#live });
  }

  #alert(event) {
    if (this.#live) this.#advance(event.cursor);
    this.#fire('alert', event);
  }

  #heartbeat({ cursor, stale }) {
    this.heartbeatAt = Date.now();
    if (!this.#live) return;
    this.#advance(cursor);
    this.#setState(stale ? 'stale' : 'live');
  }

  /** Drops the position: in a new log, earlier cursors are not valid. */
  #forget() {
    this.cursor = '';
    this.#fire('restart');
  }

  #advance(cursor) {
    if (cursor && cursor > this.cursor) this.cursor = cursor;
  }

  #lost(reason) {
    this.#live = false;
    this.#setState('waiting');
    // Socket.IO reconnects by itself unless the server ended the connection; in that case the page reconnects.
    if (reason !== 'io server disconnect') return;
    setTimeout(() => this.#open && this.#socket.connect(), this.#wait ?? 500 + Math.random() * 500);
    this.#wait = undefined;
  }

  #refused(error) {
    // An error without data means that the server was not reached; Socket.IO then tries again by itself.
    if (!error.data) this.#setState('waiting');
    // A refusal by the namespace is final for Socket.IO, so the page tries again itself.
    else this.#retryOrLeave({ code: error.message, ...error.data }, () => this.#socket.connect());
  }

  #retryOrLeave({ code, message, retryable, retryAfterMs = 3_000 }, retry) {
    if (retryable) {
      this.#setState('waiting', code);
      setTimeout(() => this.#open && retry(), retryAfterMs);
      return;
    }
    this.close();
    this.#setState('refused');
    this.#fire('refused', { code, message });
  }

  #checkSilence() {
    if (this.#live && Date.now() - this.heartbeatAt > SILENCE_TIMEOUT_MS) this.#setState('stale');
  }

  #setState(state, note = '') {
    if (this.state === state && !note) return;
    this.state = state;
    this.#fire('state', note);
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Calls `begin` when the stream is ready, at once if it already is, and after every reconnect, until `signal` aborts. */
export function whenReady(stream, signal, begin) {
  stream.addEventListener('ready', ({ detail }) => begin(detail.fresh), { signal });
  if (stream.isReady) begin(true);
}
