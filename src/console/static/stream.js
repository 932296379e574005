import { io } from './vendor/socket.io.js';

const WANTED = [{ type: 'tvl_changes' }, { type: 'price_changes' }, { type: 'protocol_updates' }];
/** Shortest interval between changes of a query, ms: a table that changes faster cannot be read. */
const QUERY_INTERVAL_MS = 1_000;
/** Silence after which figures are no longer live, ms: heartbeats come every 15 s, and two were missed. */
const SILENCE_MS = 35_000;

/**
 * Connection: a snapshot first, then every change; after an interruption it continues from the newest cursor it saw, so nothing
 * is missed and nothing shown twice. Fires `state`, `change`, `snapshot`, `restart`, `resumed`, `refused`, `announcement`; of
 * alerts `alerts` when they are followed, `alert` and `alertsRefused`; of live queries `queryResult`, `queryChange`,
 * `queryError`.
 */
export class Stream extends EventTarget {
  state = 'waiting';
  cursor = '';
  reconnects = 0;
  recovered = 0;
  heartbeatAt = 0;
  /** Difference between the server's clock and this one, ms. */
  clockOffset = 0;
  #socket;
  #live = false;
  #open = true;
  /** Ids of events that arrived before the answer. */
  #early = new Set();
  #wait;
  #timer;

  connect(key) {
    this.#socket = io('/v1/realtime', {
      // Positions and live queries are restored here, not by the server.
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
    // Events carry their type; alerts are handled separately.
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
      // Missed events can no longer be replayed: start over from a snapshot.
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

  /** Follows a query and returns its id. Throws the server's refusal; undefined: the connection was lost meanwhile. */
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
      // Connection lost meanwhile, and with it the followed query.
      return undefined;
    }
  }

  /**
   * Follows alerts separately: a key that may see changes only must not make the page fail. Nothing is replayed: the history
   * has it.
   */
  async #followAlerts() {
    try {
      const answer = await this.#socket.timeout(60_000).emitWithAck('subscribe', { type: 'alerts' });
      if (!answer.ok) this.#fire('alertsRefused', answer.error.message);
      this.#fire('alerts');
    } catch {
      // Connection lost meanwhile; the next one repeats the request.
    }
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
      // Connection lost meanwhile; the next one repeats the request.
    }
    return undefined;
  }

  /** Compares the clocks by the fastest answer, whose two ways can differ least. */
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
   * Handles an event. Until the answer to `subscribe` the position does not move, so an interrupted replay is repeated from its
   * beginning: events already shown are recognised by their id.
   */
  #event(name, event) {
    if (this.#live) this.#advance(event.cursor);
    else if (this.#early.has(event.eventId)) return;
    else this.#early.add(event.eventId);
    this.#fire('change', { name, event, live: this.#live });
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

  /** Drops the position: after a new log, earlier cursors say nothing about later ones. */
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
    // Socket.IO reconnects by itself unless the server ended the connection; then the page does.
    if (reason !== 'io server disconnect') return;
    setTimeout(() => this.#open && this.#socket.connect(), this.#wait ?? 500 + Math.random() * 500);
    this.#wait = undefined;
  }

  #refused(error) {
    // Errors without data mean that the server was not reached, and Socket.IO tries again by itself.
    if (!error.data) this.#setState('waiting');
    // Refusals in the namespace are final for Socket.IO: the page tries again.
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
    if (this.#live && Date.now() - this.heartbeatAt > SILENCE_MS) this.#setState('stale');
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
