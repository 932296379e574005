import { queueContract } from './queue.contract.js';
import { postgresServer } from './queue-parts.js';

queueContract('PostgreSQL', postgresServer);
