import { Module, RequestMethod, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { consolePage } from './console-page.js';

/**
 * Live console at `/`. It is static: it uses the service only through the public addresses that every client uses, so it needs
 * no guard, and its middleware answers before any of them.
 */
@Module({})
export class ConsoleModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply(consolePage())
      .forRoutes({ path: '/', method: RequestMethod.GET }, { path: 'console/*path', method: RequestMethod.GET });
  }
}
