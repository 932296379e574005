import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Database, type DatabaseOptions } from './database.js';
import { entityOptions } from './entity-options.js';

/**
 * Database access for all modules, over one pool: repositories of TypeORM for the entities that modules register, and
 * `Database` for plain SQL. A statement that reads or writes rows of one table goes through a repository. Plain SQL is for
 * statements that lock, count, claim or do several things at once, and for transactions made of such statements.
 */
@Global()
@Module({})
export class DatabaseModule {
  static with(options: DatabaseOptions): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          inject: [Database],
          useFactory: (database: Database) => ({
            ...entityOptions(database),
            autoLoadEntities: true,
            retryAttempts: 0,
          }),
        }),
      ],
      providers: [{ provide: Database, useFactory: () => new Database(options) }],
      exports: [Database],
    };
  }
}
