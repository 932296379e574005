import { io } from './vendor/socket.io.js';

const WANTED = [{ type: 'tvl_changes' }, { type: 'price_changes' }, { type: 'protocol_updates' }];
/** Changes of a query at most this often: nobody reads a table that changes faster. */
const QUERY_INTERVAL_MS = 1_000;
/** Heartbeats come every 15 s: after two missed ones the figures on the page can no longer be called live. */
const SILENCE_MS = 35_000;

/**
 * The connection: a snapshot first, then every change; after an interruption it continues from the newest cursor it saw, so
 * nothing is missed and nothing shown twice. Fires `state`, `change`, `snapshot`, `restart`, `resumed`, `refused`, `announcement`;
 * of alerts `alerts` when they are followed, `alert` and `alertsRefused`; of live queries `queryResult`, `queryChange`, `queryError`.
 */
export class Stream extends EventTarget {
  state = 'waiting';
  cursor = '';
  reconnects = 0;
  recovered = 0;
  heartbeatAt = 0;
  /** Server clock minus ours, in milliseconds. */
  clockOffset = 0;
  #socket;
  #live = false;
  #open = true;
  /** Ids of events that came before the answer. */
  #early = new Set();
  #wait;
  #timer;

  connect(key) {
    this.#socket = io('/v1/realtime', {
      // Positions and live queries are followed here: nothing is to come back by itself.
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
    // Events carry their type; alerts are followed by themselves.
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
      // What was missed can no longer be replayed: start over from a snapshot.
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

  /** Follows a query; its id. Throws what the server has against it; undefined: the connection went away while asking. */
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
      // The connection went away while asking; what it followed went with it.
      return undefined;
    }
  }

  /** By itself: a key that may see changes only is no reason to refuse the page. Nothing is replayed: the history has it. */
  async #followAlerts() {
    try {
      const answer = await this.#socket.timeout(60_000).emitWithAck('subscribe', { type: 'alerts' });
      if (!answer.ok) this.#fire('alertsRefused', answer.error.message);
      this.#fire('alerts');
    } catch {
      // The connection went away while asking; the next one asks again.
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
      // The connection went away while asking; the next one asks again.
    }
    return undefined;
  }

  /** The answer that was back fastest tells most: its two ways can differ least. */
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
   * Until the answer to `subscribe` the position stays where it was, so a replay that is cut off comes again from its
   * beginning: what was already shown of it is known by its id.
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

  /** The log may have begun anew: cursors of before say nothing about those that follow. */
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
    // Socket.IO comes back by itself unless the server ended the connection; then it is ours to call.
    if (reason !== 'io server disconnect') return;
    setTimeout(() => this.#open && this.#socket.connect(), this.#wait ?? 500 + Math.random() * 500);
    this.#wait = undefined;
  }

  #refused(error) {
    // Without data the server was not reached, and Socket.IO tries again by itself.
    if (!error.data) this.#setState('waiting');
    // A refusal in the namespace is final for Socket.IO: trying again is ours.
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
