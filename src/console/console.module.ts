import { Module, RequestMethod, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { consolePage } from './console-page.js';

/**
 * Live console at `/`. It is static and uses only the public API, as any client, so it needs no guard; its middleware
 * runs before all guards.
 */
@Module({})
export class ConsoleModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply(consolePage())
      .forRoutes({ path: '/', method: RequestMethod.GET }, { path: 'console/*path', method: RequestMethod.GET });
  }
}
