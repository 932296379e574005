import { request as requestPlain, type RequestOptions } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { runCommand } from '../platform/process/command-line.js';
import { loadSettings } from '../platform/settings/load-settings.js';
import type { Settings } from '../platform/settings/settings.js';

/** Time for an answer, ms; less than the 3 s that the image gives its health check. */
const ANSWER_TIMEOUT_MS = 2_500;

const HELP = `Asks the service of this machine whether it runs, as its settings say: PORT, HOST, and TLS if TLS_CERT is set.

  defi-realtime probe      exit code 0: /health/live answers 200; 1: it does not, within ${ANSWER_TIMEOUT_MS / 1_000} s
`;

/** Addresses that listen on every interface; a probe asks the loopback one instead. */
const LOOPBACK = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** Asks the service of this machine whether it runs; for health checks of containers. */
export async function run(args: readonly string[]): Promise<void> {
  await runCommand(args, () => HELP, probe);
}

async function probe(): Promise<void> {
  try {
    const status = await liveStatus(loadSettings());
    if (status === 200) return;
    process.stderr.write(`/health/live answered ${status}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
  process.exitCode = 1;
}

function liveStatus({ host, port, tlsCert }: Settings): Promise<number | undefined> {
  const options: RequestOptions = {
    host: LOOPBACK.get(host) ?? host,
    port,
    path: '/health/live',
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    agent: false,
  };
  return new Promise((resolve, reject) => {
    // The certificate names the service, not the loopback address, and the question is whether it answers at all.
    const asked =
      tlsCert === undefined ? requestPlain(options) : requestOverTls({ ...options, rejectUnauthorized: false });
    asked
      .on('response', (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end();
  });
}
