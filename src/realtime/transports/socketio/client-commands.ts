import { DomainError } from '../../../platform/errors/domain-error.js';
import { isoTime } from '../../../platform/input/time.js';
import { naming, parseSelector, parseSubscribe, parseUpdate } from '../../core/request/parse-socketio.js';
import type { Session } from '../../core/session/session.js';

type Answer = Readonly<Record<string, unknown>>;

/** Event that clients may send. */
export interface ClientCommand {
  /** Event that carries the answer when the client gave no callback. */
  readonly answeredBy: string;
  /** Whether the event counts against the limit of subscription changes. */
  readonly changes: boolean;
  run(session: Session, argument: unknown, now: number): Answer | Promise<Answer>;
}

const subscribe: ClientCommand = {
  answeredBy: 'subscribed',
  changes: true,
  async run(session, argument) {
    const { requests, options } = parseSubscribe(argument);
    const { subscriptions, ...rest } = await session.subscribe(requests, options);
    const [subscription] = subscriptions;
    return Array.isArray(argument) ? { subscriptions, ...rest } : { subscription, ...rest };
  },
};

const unsubscribe: ClientCommand = {
  answeredBy: 'unsubscribed',
  changes: true,
  async run(session, argument) {
    return { ...(await session.unsubscribe(naming(parseSelector(argument)))) };
  },
};

const updateFilters: ClientCommand = {
  answeredBy: 'filters_updated',
  changes: true,
  async run(session, argument) {
    const { selector, filter, options } = parseUpdate(argument);
    return { ...(await session.updateFilters(selector, filter, options)) };
  },
};

const subscriptions: ClientCommand = {
  answeredBy: 'subscriptions',
  changes: false,
  run: (session) => ({ subscriptions: session.list(), mode: session.mode, cursor: session.cursor }),
};

const ping: ClientCommand = {
  answeredBy: 'pong',
  changes: false,
  run: (session, _, now) => ({ timestamp: isoTime(now), cursor: session.cursor }),
};

const COMMANDS: ReadonlyMap<unknown, ClientCommand> = new Map([
  ['subscribe', subscribe],
  ['unsubscribe', unsubscribe],
  ['update_filters', updateFilters],
  ['subscriptions', subscriptions],
  ['ping', ping],
]);

/** Returns the command for an event name; the client may send any value as name. */
export function commandOf(name: unknown): ClientCommand {
  const command = COMMANDS.get(name);
  if (command) return command;
  throw new DomainError('invalid_request', `Unknown event; allowed: ${[...COMMANDS.keys()].join(', ')}.`);
}
