import { Injectable } from '@nestjs/common';
import { ROLES, type Caller } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { PodMessage } from '../../platform/redis/pod-channel.js';
import { CHOICES, LocalConnections, type Asker } from './local-connections.js';
import { PodQuestions } from './pod-questions.js';

type Body = Readonly<Record<string, unknown>>;
type Operation = (connections: LocalConnections, asker: Asker, id: string, body: Body) => unknown;

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Operations that the process of a connection performs on request. */
const OPERATIONS = {
  get: (connections, asker, id) => connections.get(asker, id),
  disconnect: (connections, asker, id, body) => connections.disconnect(asker, id, body['final'] === 'true'),
  subscriptions: (connections, asker, id) => connections.subscriptions(asker, id),
  subscribe: (connections, asker, id, body) => connections.subscribe(asker, id, body),
  update: (connections, asker, id, body) => connections.update(asker, id, body),
  unsubscribe: (connections, asker, id, body) => connections.unsubscribe(asker, id, body),
  explain: (connections, asker, id, body) =>
    connections.explain(asker, id, { cursor: text(body['cursor']), eventId: text(body['eventId']) }),
} satisfies Record<string, Operation>;

type OperationName = keyof typeof OPERATIONS;

/**
 * Runs operations in the process that holds a connection: this one, or another by request. That process applies the access
 * rules, the same for both. `gather` collects the answers of several processes.
 */
@Injectable()
export class ConnectionQuestions {
  constructor(
    private readonly connections: LocalConnections,
    private readonly questions: PodQuestions,
  ) {
    questions.on('connection', (body) => this.answerOne(body));
    questions.on('connections', (body) => {
      const { asker, limit, after } = body;
      if (typeof limit !== 'number') return undefined;
      const wanted = Object.fromEntries(CHOICES.map((name) => [name, text(body[name])]));
      const question = { limit, after: text(after) ?? '', ...wanted };
      return () => connections.list(askerOf(asker), question);
    });
    questions.on(
      'stats',
      ({ asker }) =>
        () =>
          connections.stats(askerOf(asker)),
    );
  }

  /**
   * Performs an operation in the process that has the connection. Throws not_found if no process has it, unavailable if
   * this cannot be determined.
   */
  async perform(operation: OperationName, caller: Caller, id: string, body: object = {}): Promise<unknown> {
    const asker = { userId: caller.userId, role: caller.role };
    if (this.connections.has(id)) return OPERATIONS[operation](this.connections, asker, id, { ...body });
    const answer = await this.questions.askOne('connection', { operation, asker, id, body: { ...body } });
    if (answer !== undefined) return answer;
    throw new DomainError('not_found', 'Connection not found, or it belongs to another user.');
  }

  /** Returns the answers of the other processes. */
  gather(topic: 'connections' | 'stats', caller: Caller, body: PodMessage = {}): Promise<unknown[]> {
    return this.questions.askAll(topic, { ...body, asker: { userId: caller.userId, role: caller.role } });
  }

  private answerOne({ operation, asker, id, body }: PodMessage): (() => Promise<unknown>) | undefined {
    if (typeof id !== 'string' || !isOperation(operation) || !this.connections.has(id)) return undefined;
    const given = { ...Object(body) } as Body;
    // An undefined answer would look like no answer.
    return async () => (await OPERATIONS[operation](this.connections, askerOf(asker), id, given)) ?? {};
  }
}

function isOperation(name: unknown): name is OperationName {
  return typeof name === 'string' && Object.hasOwn(OPERATIONS, name);
}

/**
 * Reads the asker of a request. An invalid asker gets an empty user id: no user has one, so the asker sees no
 * connections.
 */
function askerOf(value: unknown): Asker {
  const { userId, role } = Object(value) as Record<string, unknown>;
  return { userId: text(userId) ?? '', role: ROLES.find((known) => known === role) ?? 'reader' };
}
