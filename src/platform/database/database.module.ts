import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { APP_ROLE, sessionUrl } from './connection-options.js';
import { Database, type DatabaseOptions } from './database.js';

/** Pool size of TypeORM. Only users, keys and the audit are TypeORM entities; no hot path uses them. */
const ENTITY_POOL_SIZE = 4;

/**
 * Database access for all modules: `Database` runs plain SQL; TypeORM provides repositories for the entities that modules
 * register.
 */
@Global()
@Module({})
export class DatabaseModule {
  static with(options: DatabaseOptions): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: sessionUrl(options.url, `-c role=${APP_ROLE}`),
          applicationName: 'defi-realtime-entities',
          autoLoadEntities: true,
          installExtensions: false,
          retryAttempts: 0,
          extra: { max: ENTITY_POOL_SIZE, connectionTimeoutMillis: 5_000 },
        }),
      ],
      providers: [{ provide: Database, useFactory: () => new Database(options) }],
      exports: [Database],
    };
  }
}
