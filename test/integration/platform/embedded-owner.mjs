// Process that owns an embedded database, for tests that kill it. Prints its address, or the reason why it did not start.
import { startEmbeddedPostgres } from '../../../dist/src/platform/database/embedded/embedded-postgres.js';

try {
  const database = await startEmbeddedPostgres(process.argv[2]);
  process.stdout.write(`${database.url}\n`);
  process.once('SIGTERM', () => database.stop().then(() => process.exit(0)));
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(`${error.message}\n`);
  process.exitCode = 1;
}
