import { createShardedAdapter } from '@socket.io/redis-adapter';
import type { Namespace } from 'socket.io';
import { PODS_TAG } from '../../../platform/redis/cluster-subscriber.js';
import type { RedisConnections } from '../../../platform/redis/redis-connections.js';
import { RoomChannels } from './room-channels.js';

/**
 * Returns an adapter for Socket.IO rooms that span all processes: `fetchSockets`, `disconnectSockets`, `to(room).emit`.
 * The sharded adapter is used for single servers, too: whether Redis is a cluster may be known only after rooms are in
 * use.
 */
export function redisRooms(redis: RedisConnections): (namespace: Namespace) => Namespace['adapter'] {
  const channels = new RoomChannels(redis);
  return createShardedAdapter(channels, channels, {
    channelPrefix: redis.key(`${PODS_TAG}:socket.io`),
    // Every process has sockets of nearly every room: a channel per room would save no messages.
    subscriptionMode: 'static',
  });
}
