import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Cluster, type Redis } from 'ioredis';
import { escapedPattern } from '../../platform/redis/escaped-pattern.js';
import { RedisConnections } from '../../platform/redis/redis-connections.js';
import type { CacheEntry } from './cache-entry.js';
import { CACHE_TTL_MS } from './hot-cache.js';

/** Text for a pub/sub channel; the channel's name without prefix. */
export type ChannelMessage = readonly [channel: string, text: string];

/**
 * Condition of a write. `newer`: the entry is newer than the stored one, of the same epoch: for batches, which may come late
 * and repeatedly. `known`: also an entry of the same age, or over another epoch: for callers that have just read the present
 * epoch from the log.
 */
export type WriteRule = 'newer' | 'known';

/** Lifetime of the mark of a removed key, ms. */
const GONE_MS = 60_000;

/**
 * Compares and sets each key by the position that its text begins with, then publishes: readers of a message find its values in
 * the cache. Within an epoch the order of cursors is the order of strings.
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
    redis.call('SET', key, value, 'PX', string.match(value, '"gone":true}$') and '${GONE_MS}' or ttl)
    written = written + 1
  end
end
for i = 3 + #KEYS, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
return written`;
const PUBLISH_ALL = `for i = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end`;
/** Removes a key unless it is of this epoch by now. */
const REMOVE = `
local held = redis.pcall('GETRANGE', KEYS[1], 0, 47)
if type(held) == 'string' and string.match(held, '^{"at":"([0-9a-z]+)%-') == ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;
/** Patterns of all keys of the contract that hold a published value. */
const PATTERNS = ['price:*', 'tvl:*', 'protocol:*:meta'];
const SCAN_COUNT = '500';
const SHA = createHash('sha1').update(SCRIPT).digest('hex');

/** Entries of the hot cache in Redis. Calls fail at once while Redis is unavailable. */
@Injectable()
export class RedisCacheStore {
  constructor(private readonly redis: RedisConnections) {}

  /**
   * Writes entries, then publishes messages: one atomic step and one round trip. On a cluster, where keys have slots of their
   * own, each key is a step; the messages follow when all are done.
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
    // Same key in every step, so that all go to one node: messages that start at different nodes overtake each other.
    if (named.length > 0) await this.redis.commands().eval(PUBLISH_ALL, 1, this.redis.key('log'), ...named.flat());
  }

  /** Returns the texts of keys, in order; null for missing keys. One round trip. */
  async read(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    const commands = this.redis.commands();
    const names = keys.map((key) => this.redis.key(key));
    // MGET, unlike GET, answers null for a key of another type.
    if (this.redis.clustered) return (await Promise.all(names.map((name) => commands.mget(name)))).flat();
    return commands.mget(names);
  }

  /** Removes every published value that was not written in this epoch and returns their number. */
  async removeOtherEpochs(epoch: string): Promise<number> {
    const commands = this.redis.commands();
    const nodes: readonly Redis[] = commands instanceof Cluster ? commands.nodes('master') : [commands];
    let removed = 0;
    for (const node of nodes) {
      for (const pattern of PATTERNS) {
        for await (const keys of scan(node, `${escapedPattern(this.redis.key(''))}${pattern}`)) {
          const counts = await Promise.all(keys.map((key) => commands.eval(REMOVE, 1, key, epoch)));
          removed += counts.filter((count) => count === 1).length;
        }
      }
    }
    return removed;
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
      // Restarted servers have lost the script; sending its whole text loads it again.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      await commands.eval(SCRIPT, entries.length, ...args);
    }
  }
}

async function* scan(node: Redis, pattern: string): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const [next, keys] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    cursor = next;
    yield keys;
  } while (cursor !== '0');
}
