import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverPort } from './server-port.js';
import { waitFor } from '../wait-for.js';

const INSTALL = 'nginx is not installed: apt-get install nginx-light';
const SHIPPED = join(import.meta.dirname, '../../../docker/nginx');
/** Kinds of temporary files. Their default folder belongs to another user, so the test sets its own. */
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

export interface TestNginx {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts Debian's nginx with the shipped configuration in front of three pods (`pod-1` to `pod-3`): nginx.conf is
 * unchanged; in pods.conf and listen.conf only the addresses and the port differ.
 */
export async function startNginx(podPorts: readonly [number, number, number]): Promise<TestNginx> {
  if (spawnSync('nginx', ['-v']).status !== 0) throw new Error(INSTALL);
  const port = await serverPort();
  const folder = mkdtempSync(join(tmpdir(), 'nginx-test-'));
  copyFileSync(join(SHIPPED, 'nginx.conf'), join(folder, 'nginx.conf'));
  const temporary = TEMPORARY.map((name) => `${name}_temp_path ${folder}/${name};\n`).join('');
  const pods = readFileSync(join(SHIPPED, 'pods.conf'), 'utf8');
  const atPorts = pods.replaceAll(/app-(\d):8080/g, (_, n: string) => `127.0.0.1:${podPorts[Number(n) - 1]}`);
  writeFileSync(join(folder, 'pods.conf'), temporary + atPorts);
  const listen = readFileSync(join(SHIPPED, 'listen.conf'), 'utf8');
  writeFileSync(join(folder, 'listen.conf'), listen.replace('listen 8080;', `listen 127.0.0.1:${port};`));

  const user = process.getuid?.() === 0 ? 'user root; ' : '';
  const main = `${user}daemon off; pid ${folder}/pid;`;
  const server = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', main], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  try {
    await waitFor(() => answers(server, port), { timeoutMs: 20_000 });
  } catch (error) {
    await end(server, folder);
    throw new Error(`nginx did not start:\n${said}`, { cause: error });
  }
  return { url: `http://127.0.0.1:${port}`, port, stop: () => end(server, folder) };
}

async function answers(server: ChildProcess, port: number): Promise<boolean> {
  if (server.exitCode !== null) throw new Error(`nginx ended with ${server.exitCode}`);
  return (await fetch(`http://127.0.0.1:${port}/health/live`)).status > 0;
}

async function end(server: ChildProcess, folder: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const exited = once(server, 'exit');
    server.kill('SIGTERM');
    await exited;
  }
  rmSync(folder, { recursive: true, force: true });
}
