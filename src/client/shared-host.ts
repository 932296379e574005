import { Connection, type Ask, type ClientError, type ConnectionOptions, type Requester } from './index.js';
import { isHidden, openChannel, report, type ToHost, type ToTab } from './shared-messages.js';

/** Time after which a silent tab, such as a frozen one, is forgotten, ms: browsers let hidden tabs speak once a minute. */
const MAX_SILENCE_MS = 180_000;

/** Subscription of a tab, with the number of its latest request. */
interface TabSubscriber extends Requester {
  readonly tab: Tab;
  asked: Ask;
  id: number;
  hasEnded: boolean;
}

interface Tab {
  readonly channel: ReturnType<typeof openChannel>;
  heardAt: number;
}

// oxlint-disable-next-line typescript/no-misused-spread -- a message carries the fields alone
const plain = (error: ClientError): object => ({ ...error, message: error.message });

/** Opens the connection for all tabs: passes their requests to it, and what it brings to them. Returns the end. */
export function openHost(name: string, options: ConnectionOptions): () => void {
  const host = crypto.randomUUID();
  const tabs = new Map<string, Tab>();
  const subscribers = new Map<string, TabSubscriber>();
  let cursor: string | undefined;
  /** Whether requests can be sent. */
  let isReady = false;
  let isProbing = false;
  let failure: object | undefined;

  const tell = ({ channel }: Tab, call: ToTab[0], value?: unknown, label?: string, id?: number): void =>
    channel.send(call, host, value, label, id);
  const tellAll = (call: ToTab[0], value?: unknown): void => {
    for (const tab of tabs.values()) tell(tab, call, value);
  };
  const give = (call: ToTab[0], requester: Requester, value: unknown): void => {
    const { tab, label, id } = requester as TabSubscriber;
    tell(tab, call, value, label, id);
  };

  const drop = (label: string): void => {
    const subscriber = subscribers.get(label);
    if (!subscriber) return;
    subscriber.hasEnded = true;
    subscribers.delete(label);
    connection.wire?.drop(label, subscriber);
  };
  const forget = (key: string): void => {
    const tab = tabs.get(key);
    tabs.delete(key);
    for (const [label, subscriber] of subscribers) if (subscriber.tab === tab) drop(label);
    tab?.channel.close();
  };

  const receive = ([kind, key, wanted, label, id, filter, asked]: ToHost): void => {
    if (wanted && wanted !== host) return;
    const now = performance.now();
    for (const [other, { heardAt }] of tabs) if (now - heardAt > MAX_SILENCE_MS) forget(other);
    if (kind === 'bye') return forget(key);
    const known = tabs.get(key);
    // A tab that was forgotten begins again.
    const tab: Tab = known ?? { channel: openChannel(name + key), heardAt: now };
    tab.heardAt = now;
    if (kind === 'hello') {
      tabs.set(key, tab);
      // The lock of a tab is free once the tab has gone, however it went.
      if (!known) void navigator.locks.request(name + key, () => forget(key));
      if (failure) tell(tab, 'ended', failure);
      else if (isReady) tell(tab, 'opened');
      else tell(tab, 'wait', isHidden());
      if (connection.state === 'open') tell(tab, 'accepted');
    } else if (!known) tell(tab, 'ended');
    else if (kind === 'ping') tell(tab, 'here');
    else if (kind === 'probe') {
      isProbing = true;
      connection.wake();
    } else if (kind === 'drop') drop(label);
    else {
      const subscriber = subscribers.get(label) ?? { label, tab, filter, asked, id, hasEnded: false };
      subscriber.asked = asked;
      subscriber.id = id;
      subscribers.set(label, subscriber);
      connection.wire?.ask(subscriber, asked);
    }
  };
  const channel = openChannel(`${name}host`, receive);

  const connection = new Connection(options, {
    position: () => cursor,
    stateChanged: (state) => {
      if (state === 'open') tellAll('accepted');
      if (state === 'open' || state === 'connecting') return;
      isReady = false;
      tellAll('ended');
      for (const key of tabs.keys()) forget(key);
    },
    report,
    finished: (error) => {
      failure = plain(error);
    },
    opened: () => {
      isReady = true;
      tellAll('opened');
    },
    accepted: (expiresInMs) => connection.accepted(expiresInMs),
    alive: () => {
      connection.alive();
      if (isProbing) tellAll('alive');
      isProbing = false;
    },
    answered: (subscriber, answer, asked) => {
      connection.settled();
      cursor = answer.cursor;
      if (asked === subscriber.asked) give('answered', subscriber, answer);
    },
    event: (label, event) => {
      const subscriber = subscribers.get(label);
      if (subscriber) give('event', subscriber, event);
    },
    rows: (subscriber, message) => give('rows', subscriber, message),
    beat: (position, subscriber) => {
      if (subscriber) return give('beat', subscriber, position);
      cursor = position;
      tellAll('beat', position);
    },
    restarted: (position) => tellAll('restarted', position),
    merged: () => tellAll('merged'),
    draining: (afterMs) => connection.draining(afterMs),
    announced: (text) => tellAll('announced', text),
    refused: (error, subscriber, asked) => {
      if (asked === subscriber.asked) give('refused', subscriber, plain(error));
    },
    failed: (error) => {
      if (!error.isOfKey) tellAll('failed', plain(error));
      connection.failed(error);
    },
    ended: (error) => connection.ended(error),
  });
  void connection.open();
  const toTabs = openChannel(name);
  toTabs.send('ended');
  toTabs.close();

  return () => {
    connection.stop();
    channel.close();
  };
}
