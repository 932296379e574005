import { queueContract } from './queue.contract.js';
import { redisServer } from './queue-parts.js';

queueContract('Redis', redisServer);
