import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RedisConnections } from '../../platform/redis/redis-connections.js';
import type { CacheEntry } from './cache-entry.js';
import { CACHE_TTL_MS } from './hot-cache.js';

/** A text for a pub/sub channel; the channel's name without prefix. */
export type ChannelMessage = readonly [channel: string, text: string];

/**
 * `newer`: only what is newer than what is held, of the same epoch: batches, which may come late and repeatedly.
 * `known`: also what is as old, and over another epoch: for those who have just asked the log which epoch holds.
 */
export type WriteRule = 'newer' | 'known';

/**
 * Compares and sets each key by the position that its text begins with, then publishes: readers of a message find its
 * values in the cache. Within an epoch the order of cursors is the order of strings.
 */
const SCRIPT = `
local ttl, known = ARGV[1], ARGV[2] == 'known'
local pattern = '^{"at":"([0-9a-z]+)%-([0-9a-z]+)"'
local written = 0
for i, key in ipairs(KEYS) do
  local value = ARGV[2 + i]
  local epoch, seq = string.match(value, pattern)
  local head = redis.pcall('GETRANGE', key, 0, 47)
  local heldEpoch, heldSeq
  if type(head) == 'string' then heldEpoch, heldSeq = string.match(head, pattern) end
  local takes
  if heldEpoch == nil then takes = true
  elseif heldEpoch ~= epoch then takes = known
  else takes = seq > heldSeq or (known and seq == heldSeq) end
  if takes then
    redis.call('SET', key, value, 'PX', ttl)
    written = written + 1
  end
end
for i = 3 + #KEYS, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
return written`;
const PUBLISH_ALL = `for i = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end`;
const SHA = createHash('sha1').update(SCRIPT).digest('hex');

/** The hot cache's entries in Redis. Everything fails at once while Redis is away. */
@Injectable()
export class RedisCacheStore {
  constructor(private readonly redis: RedisConnections) {}

  /**
   * Writes entries, then publishes messages: one atomic step and one round trip. On a cluster, where keys live in slots of
   * their own, each key is a step; the messages follow when all are done.
   */
  async write(
    entries: readonly CacheEntry[],
    rule: WriteRule,
    messages: readonly ChannelMessage[] = [],
  ): Promise<void> {
    const named = messages.map(([channel, text]): ChannelMessage => [this.redis.key(channel), text]);
    if (!this.redis.clustered) {
      await this.run(entries, rule, named);
      return;
    }
    await Promise.all(entries.map((entry) => this.run([entry], rule, [])));
    // A key sends the step to one node, always the same: messages that start at different nodes overtake each other.
    if (named.length > 0) await this.redis.commands().eval(PUBLISH_ALL, 1, this.redis.key('log'), ...named.flat());
  }

  /** The texts of keys, in order; null for keys that are not held. One round trip. */
  async read(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    const commands = this.redis.commands();
    const names = keys.map((key) => this.redis.key(key));
    // MGET, unlike GET, answers null for a key that somebody made into something else.
    if (this.redis.clustered) return (await Promise.all(names.map((name) => commands.mget(name)))).flat();
    return commands.mget(names);
  }

  private async run(
    entries: readonly CacheEntry[],
    rule: WriteRule,
    messages: readonly ChannelMessage[],
  ): Promise<void> {
    const commands = this.redis.commands();
    const args = [
      ...entries.map((entry) => this.redis.key(entry.key)),
      String(CACHE_TTL_MS),
      rule,
      ...entries.map((entry) => entry.text),
      ...messages.flat(),
    ];
    try {
      await commands.evalsha(SHA, entries.length, ...args);
    } catch (error) {
      // A server that was restarted has forgotten the script; the whole text teaches it again.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      await commands.eval(SCRIPT, entries.length, ...args);
    }
  }
}
