import { Injectable } from '@nestjs/common';
import { Pods } from '../../platform/redis/pods.js';
import { RedisConnections } from '../../platform/redis/redis-connections.js';
import type { ConnectionInfo } from '../core/session/session-identity.js';

/** Lifetime of an entry after its process last wrote it, s. */
const ENTRY_TTL_SECONDS = 60;
/**
 * Lifetime of the list of a process's entries, s. Other processes use the list to remove the entries of a dead process.
 */
const LIST_TTL_SECONDS = 3_600;
/** Number of commands per round trip. Other users of the Redis connection are served between two batches. */
const BATCH_SIZE = 500;

type Command = readonly [name: string, ...values: string[]];

/** Keys of a connection: its own id, its user, and its rooms. */
export interface Entry {
  readonly id: string;
  readonly userId: string;
  readonly rooms: readonly string[];
}

/** Connection as it is stored in Redis. */
interface ConnectionRecord extends ConnectionInfo {
  /** Process that holds the connection. */
  pod: string;
  rooms: readonly string[];
}

/**
 * Keys of the connection registry: `connection:{id}` (JSON), the sets `user_connections:{userId}`, `room:{name}` and
 * `ws:connections`, and per process a list of its entries. For operators and their tools; no delivery depends on it.
 */
@Injectable()
export class RegistryStore {
  constructor(
    private readonly redis: RedisConnections,
    private readonly pods: Pods,
  ) {}

  get isUp(): boolean {
    return this.redis.state === 'up';
  }

  /** Writes complete records of this process's connections. */
  async write(records: readonly ConnectionRecord[]): Promise<void> {
    if (records.length === 0) return;
    const commands = records.flatMap((record) => this.writing(record));
    const all = this.redis.key('ws:connections');
    const list = this.listOf(this.pods.id);
    commands.push(['expire', all, String(ENTRY_TTL_SECONDS)], ['expire', list, String(LIST_TTL_SECONDS)]);
    await this.send(commands);
  }

  /** Removes connections that a process wrote. */
  async remove(entries: readonly Entry[], pod = this.pods.id): Promise<void> {
    await this.send(entries.flatMap((entry) => this.removing(entry, pod)));
  }

  /** Removes a connection from rooms; its entry is kept. */
  async leave(id: string, rooms: readonly string[]): Promise<void> {
    await this.send(rooms.map((room): Command => ['srem', this.room(room), id]));
  }

  /** Returns the entries that a process wrote and has not removed. */
  async writtenBy(pod: string): Promise<Entry[]> {
    const list = await this.redis.commands().hgetall(this.listOf(pod));
    return Object.entries(list).map(([id, text]) => entryOf(id, text));
  }

  private writing(record: ConnectionRecord): Command[] {
    const { connectionId: id, userId, rooms } = record;
    const sets = [this.user(userId), ...rooms.map((room) => this.room(room))];
    return [
      ['hset', this.listOf(this.pods.id), id, JSON.stringify({ userId, rooms })],
      ['set', this.redis.key(`connection:${id}`), JSON.stringify(record), 'EX', String(ENTRY_TTL_SECONDS)],
      ['sadd', this.redis.key('ws:connections'), id],
      ...sets.flatMap((set): Command[] => [
        ['sadd', set, id],
        ['expire', set, String(ENTRY_TTL_SECONDS)],
      ]),
    ];
  }

  private removing({ id, userId, rooms }: Entry, pod: string): Command[] {
    return [
      ['del', this.redis.key(`connection:${id}`)],
      ['srem', this.redis.key('ws:connections'), id],
      ['srem', this.user(userId), id],
      ...rooms.map((room): Command => ['srem', this.room(room), id]),
      ['hdel', this.listOf(pod), id],
    ];
  }

  /** Sends commands separately: on a cluster their keys are in many slots, so the commands cannot share a pipeline. */
  private async send(commands: readonly Command[]): Promise<void> {
    for (let from = 0; from < commands.length; from += BATCH_SIZE) {
      const batch = commands.slice(from, from + BATCH_SIZE);
      const client = this.redis.commands();
      if (this.redis.clustered) await Promise.all(batch.map(([name, ...values]) => client.call(name, ...values)));
      else throwFirst(await client.pipeline(batch.map((command) => [...command])).exec());
    }
  }

  private user(userId: string): string {
    return this.redis.key(`user_connections:${userId}`);
  }

  private room(name: string): string {
    return this.redis.key(`room:${name}`);
  }

  private listOf(pod: string): string {
    return this.redis.key(`pod_connections:${pod}`);
  }
}

function throwFirst(answers: [error: Error | null, result: unknown][] | null): void {
  const failed = answers?.find(([error]) => error !== null)?.[0];
  if (failed) throw failed;
}

/** Parses an entry, which anyone with redis-cli may have changed. */
function entryOf(id: string, text: string): Entry {
  try {
    const { userId, rooms } = Object(JSON.parse(text)) as Record<string, unknown>;
    const names = Array.isArray(rooms) ? rooms.filter((room): room is string => typeof room === 'string') : [];
    return { id, userId: typeof userId === 'string' ? userId : '', rooms: names };
  } catch {
    return { id, userId: '', rooms: [] };
  }
}
