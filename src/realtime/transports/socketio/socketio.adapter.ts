import type { INestApplicationContext } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import type { Server, ServerOptions } from 'socket.io';
import { RedisConnections } from '../../../platform/redis/redis-connections.js';
import type { Settings } from '../../../platform/settings/settings.js';
import { redisRooms } from './redis-rooms.js';

/** Largest frame of a client, bytes; a larger one ends its connection. */
const FRAME_BYTES = 64 * 1024;

/** Socket.IO on the application's own port, with the product's options. */
export class SocketIoAdapter extends IoAdapter {
  constructor(
    private readonly app: INestApplicationContext,
    private readonly settings: Settings,
  ) {
    super(app);
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const { corsOrigins, redisUrl } = this.settings;
    const own: Partial<ServerOptions> = {
      maxHttpBufferSize: FRAME_BYTES,
      // Time to join a namespace, after which the connection is closed, ms.
      connectTimeout: 10_000,
      // Off: frames are shared by all sockets; compression would make one per socket.
      perMessageDeflate: false,
      // Off: upgrades under other paths belong to the plain WebSocket API.
      destroyUpgrade: false,
      ...(redisUrl === undefined ? {} : { adapter: redisRooms(this.app.get(RedisConnections)) }),
      cors: { origin: corsOrigins.includes('*') ? '*' : [...corsOrigins] },
    };
    return super.createIOServer(port, Object.assign({}, options, own));
  }
}
