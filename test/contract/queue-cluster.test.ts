import { queueContract } from './queue.contract.js';
import { redisClusterServer } from './queue-parts.js';

queueContract('a Redis Cluster', redisClusterServer);
