import { Injectable } from '@nestjs/common';
import { PODS_TAG } from '../../platform/redis/cluster-subscriber.js';
import { Pods, SILENCE_TIMEOUT_MS } from '../../platform/redis/pods.js';
import { RedisConnections } from '../../platform/redis/redis-connections.js';

/** Time after which a key's counts expire if no process writes them, ms; each process repeats its counts more often. */
const COUNTS_TTL_MS = 120_000;

/** Sums the key's connections in other live processes; removes the counts of ended processes. */
const OTHERS = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local others = 0
local counts = redis.call('HGETALL', KEYS[2])
for i = 1, #counts, 2 do
  if counts[i] ~= ARGV[1] then
    local seen = redis.call('ZSCORE', KEYS[1], counts[i])
    if seen and now - seen <= ${SILENCE_TIMEOUT_MS} then others = others + tonumber(counts[i + 1])
    else redis.call('HDEL', KEYS[2], counts[i]) end
  end
end
`;
/**
 * ARGV: id of the pod, its count including the new connection, the maximum. Returns the total, or -1 if it would exceed the
 * maximum.
 */
const TAKE = `${OTHERS}
local total = others + tonumber(ARGV[2])
if total > tonumber(ARGV[3]) then return -1 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ${COUNTS_TTL_MS})
return total`;
/**
 * ARGV: id of the pod, its count, the limit, number of connections that the pod could end. Returns the number that it must
 * end, so that two processes never both end connections for the same excess.
 */
const GIVE_UP = `${OTHERS}
local own = tonumber(ARGV[2])
local ending = math.max(math.min(own + others - tonumber(ARGV[3]), tonumber(ARGV[4])), 0)
redis.call('HSET', KEYS[2], ARGV[1], own - ending)
return ending`;
const COUNT = `${OTHERS}
return others`;

/**
 * Connection counts in Redis: one hash per key with a count per process. Only the process itself writes its count, always as
 * a whole, so that errors cannot accumulate. Counts of ended processes are ignored.
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

  /** Whether Redis is configured, even if it is unavailable. */
  get isConfigured(): boolean {
    return this.redis.configured;
  }

  /** Calls the listener whenever Redis becomes available again. Returns the function that unsubscribes it. */
  onUp(listener: () => void): () => void {
    return this.redis.onState((state) => state === 'up' && listener());
  }

  /**
   * Atomically writes `own` as this process's count, if all processes together have at most `most` connections. Returns the
   * total, or undefined if the count was not written.
   */
  async take(keyId: string, own: number, most: number): Promise<number | undefined> {
    const total = await this.run(TAKE, keyId, [own, most]);
    return total < 0 ? undefined : total;
  }

  /** Returns how many of this process's `late` connections must end so that the key is within its limit. */
  giveUp(keyId: string, own: number, limit: number, late: number): Promise<number> {
    return this.run(GIVE_UP, keyId, [own, limit, late]);
  }

  /** Returns the number of the key's connections in other processes. */
  others(keyId: string): Promise<number> {
    return this.run(COUNT, keyId, []);
  }

  /** Writes the counts of this process, in one round trip. */
  async write(counts: ReadonlyMap<string, number>): Promise<void> {
    const pipeline = this.redis.commands().pipeline();
    for (const [keyId, count] of counts) {
      if (count > 0) pipeline.hset(this.keyOf(keyId), this.pods.id, count).pexpire(this.keyOf(keyId), COUNTS_TTL_MS);
      else pipeline.hdel(this.keyOf(keyId), this.pods.id);
    }
    const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
  }

  private async run(script: string, keyId: string, values: readonly number[]): Promise<number> {
    const keys = [this.pods.seenKey, this.keyOf(keyId)];
    return Number(await this.redis.commands().eval(script, 2, ...keys, this.pods.id, ...values));
  }

  /** Returns a Redis key that is in the same cluster slot as the list of pods. */
  private keyOf(keyId: string): string {
    return this.redis.key(`${PODS_TAG}:connections:${keyId}`);
  }
}
