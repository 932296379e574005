import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AdminKey } from '../access/index.js';
import { AppModule } from '../app.module.js';
import { serverOptions, setUp } from '../app.setup.js';
import { sourceFaults } from '../events/index.js';
import { openDatabase } from '../platform/database/open-database.js';
import { CertificateWatch } from '../platform/http/certificates.js';
import { Documents } from '../platform/http/documents.js';
import { runCommand } from '../platform/process/command-line.js';
import { helpText } from '../platform/process/help-text.js';
import { earlyLogger } from '../platform/logging/logging.module.js';
import { ProcessLifetime } from '../platform/process/process-lifetime.js';
import { announce } from '../platform/process/start-message.js';
import { requireSecretsKey } from '../platform/secrets/secrets-key.js';
import { loadSettings } from '../platform/settings/load-settings.js';
import { Drain } from '../realtime/index.js';
import type { AddressInfo, Server } from 'node:net';

async function start(lifetime: ProcessLifetime): Promise<void> {
  const settings = loadSettings('.env', [sourceFaults]);
  requireSecretsKey(settings);
  Logger.overrideLogger(earlyLogger(settings));
  lifetime.limitEnd((settings.drainSeconds + 10) * 1_000);
  const database = await openDatabase(settings, (error) => void lifetime.fail(error));
  lifetime.onEnd(() => database.close());
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.with(settings, database.url),
    serverOptions(settings),
  );
  lifetime.onEnd(() => app.close());
  lifetime.onEnd((signal) => app.get(Drain).run(signal === 'SIGINT'));
  setUp(app);
  await app.init();
  app.get(Documents).prepare();
  await app.listen(settings.port, settings.host);
  const certificates = new CertificateWatch(app.getHttpServer(), settings);
  certificates.start();
  lifetime.onEnd(async () => certificates.stop());
  lifetime.onHangup(() => certificates.reload());
  const url = localUrl(app.getHttpServer(), settings.tlsCert !== undefined);
  const { newAdminKey, adminKeyFile } = app.get(AdminKey);
  announce({ url, database: database.description, newAdminKey, adminKeyFile });
}

/** Runs the service until a signal ends it. */
export async function run(args: readonly string[]): Promise<void> {
  await runCommand(args, helpText, async () => {
    const lifetime = new ProcessLifetime();
    await start(lifetime).catch((error: unknown) => lifetime.fail(error));
  });
}

/** Returns the URL at which the server's own machine can reach it. */
function localUrl(server: Server, tls: boolean): string {
  const { address, port } = server.address() as AddressInfo;
  const everywhere = address === '0.0.0.0' || address === '::';
  const host = everywhere || address === '127.0.0.1' || address === '::1' ? 'localhost' : address;
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
