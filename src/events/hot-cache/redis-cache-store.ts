import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Cluster, type Redis } from 'ioredis';
import { escapedPattern } from '../../platform/redis/escaped-pattern.js';
import { RedisConnections } from '../../platform/redis/redis-connections.js';
import type { CacheEntry } from './cache-entry.js';
import { CACHE_TTL_MS } from './hot-cache.js';

/** Message for a pub/sub channel; the channel's name has no prefix yet. */
export type ChannelMessage = readonly [channel: string, text: string];

/**
 * Condition for replacing a stored entry. `newer`: the new entry has the same epoch and a higher seq; for batches, which may
 * arrive late or twice. `known`: the seq may also be equal, or the epoch another one; for callers that have just read the
 * current epoch from the log.
 */
type WriteRule = 'newer' | 'known';

/** Time for which the entry of a removed key stays, ms. */
const REMOVED_TTL_MS = 60_000;

/**
 * Sets each key whose new position satisfies the rule, then publishes the messages, so that a receiver of a message finds
 * its values in the cache. The position is read from the start of each text; within an epoch, the string order of cursors is
 * their log order.
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
    redis.call('SET', key, value, 'PX', string.match(value, '"gone":true}$') and '${REMOVED_TTL_MS}' or ttl)
    written = written + 1
  end
end
for i = 3 + #KEYS, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
return written`;
const PUBLISH_ALL = `for i = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end`;
/** Deletes a key unless its entry has the given epoch. */
const REMOVE = `
local held = redis.pcall('GETRANGE', KEYS[1], 0, 47)
if type(held) == 'string' and string.match(held, '^{"at":"([0-9a-z]+)%-') == ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;
/** Patterns of all keys that contain a published value. */
const PATTERNS = ['price:*', 'tvl:*', 'protocol:*:meta'];
const SCAN_COUNT = '500';
const SHA = createHash('sha1').update(SCRIPT).digest('hex');

/** Entries of the hot cache in Redis. Calls fail immediately while Redis is unavailable. */
@Injectable()
export class RedisCacheStore {
  constructor(private readonly redis: RedisConnections) {}

  /**
   * Writes entries, then publishes messages, in one atomic script. In a cluster, where keys have different slots, each key
   * is written by a script of its own; the messages are published when all are written.
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
    // The same key for all messages sends them through one node; messages sent through different nodes could overtake each
    // other.
    if (named.length > 0) await this.redis.commands().eval(PUBLISH_ALL, 1, this.redis.key('log'), ...named.flat());
  }

  /** Returns the texts of keys in order, null for missing keys, in one round trip. */
  async read(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    const commands = this.redis.commands();
    const names = keys.map((key) => this.redis.key(key));
    // MGET returns null for a key of another data type; GET would fail.
    if (this.redis.clustered) return (await Promise.all(names.map((name) => commands.mget(name)))).flat();
    return commands.mget(names);
  }

  /** Deletes every published value that was not written in this epoch; returns their number. */
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
      // A restarted server has no scripts; EVAL with the whole text loads the script again.
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
