import { ClientError, type Answer, type Ask, type DefiEvent, type Requester } from './index.js';
import type { StreamMessage, Wire, WireSink } from './index.js';
import { isHidden, openChannel, type ToHost, type ToTab } from './shared-messages.js';

/** Interval at which a tab asks whether its host lives, ms; a hidden tab asks less often. */
const PING_INTERVAL_MS = 2_000;
const HIDDEN_PING_INTERVAL_MS = 10_000;
/** Time in which a host must answer, ms: shorter than the client's limit of a probe, and random, so that one tab is first. */
const HOST_TIMEOUT_MS = 350;
const HOST_TIMEOUT_SPREAD_MS = 200;

/**
 * Opens the connection of one tab: to its host, the tab that has the real one. `replaceHost` is called when the host does not
 * answer, such as a frozen one.
 */
export function openTabWire(name: string, tab: string, sink: WireSink, replaceHost: () => void): Wire {
  const asked = new Map<string, { readonly subscriber: Requester; readonly ask: Ask; readonly id: number }>();
  /** Host that has accepted this connection. */
  let host: string | undefined;
  let lastId = 0;
  let ping: ReturnType<typeof setTimeout> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  /** Whether a sign of life of the server itself is awaited. */
  let isProbing = false;
  let wasLate = false;

  const receive = ([call, sender, value, label, id]: ToTab): void => {
    // Two hosts may overlap.
    if (host && sender && sender !== host) return;
    if (call === 'ended') {
      if (host || value) sink.ended(value ? ClientError.from(value) : undefined);
      // The next host may be there already.
      else post('hello');
      return;
    }
    if (call === 'wait' && value && !isHidden()) replaceHost();
    if (call !== 'here' || !isProbing) heard();
    if (call === 'opened') {
      if (host) return;
      host = sender;
      sink.opened();
    } else if (label) {
      const request = asked.get(label);
      if (!request) return;
      const { subscriber, ask } = request;
      if (call === 'event') sink.event(subscriber.label, value as DefiEvent);
      else if (call === 'rows') sink.rows(subscriber, value as StreamMessage);
      else if (call === 'beat') sink.beat(value as string, subscriber);
      else if (request.id !== id) return;
      else if (call === 'answered') sink.answered(subscriber, value as Answer, ask);
      else sink.refused(ClientError.from(value), subscriber, ask);
    } else if (call === 'failed') sink.failed(ClientError.from(value));
    else if (call in sink) sink[call as 'restarted'](value as string);
  };
  const toHosts = openChannel(`${name}host`);
  const channels = [toHosts, openChannel(name, receive), openChannel(name + tab, receive)];

  const post = (kind: ToHost[0], label?: string, id?: number, { filter }: Partial<Requester> = {}, ask?: Ask): void =>
    toHosts.send(kind, tab, host, label && tab + label, id, filter, ask);

  const heard = (): void => {
    clearTimeout(silence);
    silence = undefined;
    isProbing = wasLate = false;
    sink.alive();
  };

  /** Replaces the host unless it answers in time. A page that was frozen finds late timers, and answers not read yet. */
  const speak = (kind: ToHost[0] = host ? 'ping' : 'hello'): void => {
    post(kind);
    const begun = performance.now();
    const ms = HOST_TIMEOUT_MS + Math.random() * HOST_TIMEOUT_SPREAD_MS;
    silence ??= setTimeout(() => {
      silence = undefined;
      const isLate = performance.now() - begun > ms * 2;
      if (!isLate || wasLate) replaceHost();
      wasLate = isLate;
      speak();
    }, ms);
  };

  const beat = (): void => {
    speak();
    ping = setTimeout(beat, isHidden() ? HIDDEN_PING_INTERVAL_MS : PING_INTERVAL_MS);
  };
  beat();

  return {
    ask: (subscriber, ask) => {
      asked.set(tab + subscriber.label, { subscriber, ask, id: ++lastId });
      post('ask', subscriber.label, lastId, subscriber, ask);
    },
    drop: (label) => {
      asked.delete(tab + label);
      post('drop', label);
    },
    probe: () => {
      isProbing = true;
      speak('probe');
      return true;
    },
    renew: () => true,
    close: () => {
      clearTimeout(ping);
      clearTimeout(silence);
      post('bye');
      for (const channel of channels) channel.close();
    },
  };
}
