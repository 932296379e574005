import { Injectable } from '@nestjs/common';
import { PODS_TAG } from '../../platform/redis/cluster-subscriber.js';
import { Pods, SILENCE_MS } from '../../platform/redis/pods.js';
import { RedisConnections } from '../../platform/redis/redis-connections.js';

/** Lifetime of a key's counts without a write of any process, ms; each repeats them more often. */
const KEPT_MS = 120_000;

/** Counts the key's connections in the other live processes; removes those of dead ones. */
const OTHERS = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local others = 0
local counts = redis.call('HGETALL', KEYS[2])
for i = 1, #counts, 2 do
  if counts[i] ~= ARGV[1] then
    local seen = redis.call('ZSCORE', KEYS[1], counts[i])
    if seen and now - seen <= ${SILENCE_MS} then others = others + tonumber(counts[i + 1])
    else redis.call('HDEL', KEYS[2], counts[i]) end
  end
end
`;
/** ARGV: pod, its count with the new one, the maximum. Returns the total, or -1 when it would exceed the maximum. */
const TAKE = `${OTHERS}
local total = others + tonumber(ARGV[2])
if total > tonumber(ARGV[3]) then return -1 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ${KEPT_MS})
return total`;
/**
 * ARGV: pod, its count, limit, number that it could end. Returns the number that it must end: two processes never end the same
 * excess.
 */
const GIVE_UP = `${OTHERS}
local own = tonumber(ARGV[2])
local ending = math.max(math.min(own + others - tonumber(ARGV[3]), tonumber(ARGV[4])), 0)
redis.call('HSET', KEYS[2], ARGV[1], own - ending)
return ending`;
const COUNT = `${OTHERS}
return others`;

/**
 * Connections of each key in Redis: one hash per key with the count of each process, written by that process alone and always
 * in full, so that nothing can drift. Counts of a dead process are ignored.
 */
@Injectable()
export class SharedSlots {
  constructor(
    private readonly redis: RedisConnections,
    private readonly pods: Pods,
  ) {}

  get isUp(): boolean {
    return this.redis.state === 'up';
  }

  /** Whether Redis is configured, available or not. */
  get isConfigured(): boolean {
    return this.redis.configured;
  }

  /** Calls the listener whenever Redis answers again. Returns the function that unsubscribes. */
  onUp(listener: () => void): () => void {
    return this.redis.onState((state) => state === 'up' && listener());
  }

  /**
   * Writes `own` if all processes together have at most `most`, in one step. Returns the total, or undefined if it was not
   * written.
   */
  async take(keyId: string, own: number, most: number): Promise<number | undefined> {
    const total = await this.run(TAKE, keyId, [own, most]);
    return total < 0 ? undefined : total;
  }

  /** Returns the number of `late` connections of this process that have to end for the key to be within its limit. */
  giveUp(keyId: string, own: number, limit: number, late: number): Promise<number> {
    return this.run(GIVE_UP, keyId, [own, limit, late]);
  }

  /** Counts the key's connections in the other processes. */
  others(keyId: string): Promise<number> {
    return this.run(COUNT, keyId, []);
  }

  /** Writes the counts of this process, in one round trip. */
  async write(counts: ReadonlyMap<string, number>): Promise<void> {
    const pipeline = this.redis.commands().pipeline();
    for (const [keyId, count] of counts) {
      if (count > 0) pipeline.hset(this.keyOf(keyId), this.pods.id, count).pexpire(this.keyOf(keyId), KEPT_MS);
      else pipeline.hdel(this.keyOf(keyId), this.pods.id);
    }
    const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
  }

  private async run(script: string, keyId: string, values: readonly number[]): Promise<number> {
    const keys = [this.pods.seenKey, this.keyOf(keyId)];
    return Number(await this.redis.commands().eval(script, 2, ...keys, this.pods.id, ...values));
  }

  /** Returns a key in the same slot of a cluster as the pods. */
  private keyOf(keyId: string): string {
    return this.redis.key(`${PODS_TAG}:connections:${keyId}`);
  }
}
