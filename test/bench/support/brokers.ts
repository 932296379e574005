import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverPort } from '../../support/servers/server-port.js';
import { mqttPublish, natsPublish } from './raw-load-brokers.js';
import type { BenchContext } from './bench-context.js';

/** Broker as Debian packages it, and the messages that its publisher must send. */
export interface BrokerKind {
  readonly name: 'nats-server' | 'mosquitto';
  readonly dialect: 'nats' | 'mqtt';
  /**
   * Returns the configuration: WebSocket without TLS for clients, plain TCP for the publisher, and no limits that would
   * drop messages.
   */
  config(ports: { tcp: number; websocket: number }): string;
  versionOf(output: string): string;
  readonly hello: Buffer;
  publish(payload: Buffer): Buffer;
}

export const NATS: BrokerKind = {
  name: 'nats-server',
  dialect: 'nats',
  config: ({ tcp, websocket }) =>
    `host: 127.0.0.1\nport: ${tcp}\nmax_pending: 1GB\nwrite_deadline: "60s"\nmax_connections: 20000\n` +
    `websocket { host: 127.0.0.1, port: ${websocket}, no_tls: true }\n`,
  versionOf: (output) => /v([\d.]+)/.exec(output)?.[1] ?? 'unknown',
  hello: Buffer.from('CONNECT {"verbose":false,"pedantic":false,"lang":"raw","version":"1"}\r\n'),
  publish: natsPublish,
};

export const MOSQUITTO: BrokerKind = {
  name: 'mosquitto',
  dialect: 'mqtt',
  config: ({ tcp, websocket }) =>
    `listener ${tcp} 127.0.0.1\nlistener ${websocket} 127.0.0.1\nprotocol websockets\n` +
    `allow_anonymous true\nmax_queued_messages 0\nmax_queued_bytes 0\nmax_connections -1\nset_tcp_nodelay true\nlog_type error\n`,
  versionOf: (output) => /version ([\d.]+)/.exec(output)?.[1] ?? 'unknown',
  hello: Buffer.from([0x10, 15, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 0, 0, 3, ...Buffer.from('pub')]),
  publish: mqttPublish,
};

export interface Broker {
  readonly port: number;
  readonly pid: number;
  /** Sends equal messages to the broker as fast as it reads them. */
  publish(messages: number, payload: Buffer): Promise<void>;
}

/** Starts the broker on one core; returns undefined, with a hint on its installation, if it is missing. */
export async function startBroker(context: BenchContext, kind: BrokerKind, core: number): Promise<Broker | undefined> {
  const binary = findBinary(kind.name);
  if (binary === undefined) {
    context.log(`${kind.name} is not installed (apt-get install ${kind.name}): its figure is left out`);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), `bench-${kind.name}-`));
  const ports = { tcp: await serverPort(), websocket: await serverPort() };
  writeFileSync(join(folder, 'config'), kind.config(ports));
  // Pinned at the start, because a Go program then derives its number of threads from the available cores.
  const child = spawn('taskset', ['-c', String(core), binary, '-c', join(folder, 'config')], { stdio: 'ignore' });
  context.atEnd(async () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  context.noteVersion(kind.name, kind.versionOf(versionText(binary, kind.name)));
  const publisher = await connected(ports.tcp);
  publisher.on('data', () => {});
  publisher.on('error', () => {});
  context.atEnd(async () => void publisher.destroy());
  publisher.write(kind.hello);
  return {
    port: ports.websocket,
    pid: child.pid ?? 0,
    async publish(messages, payload) {
      const one = kind.publish(payload);
      for (let sent = 0; sent < messages; sent += CHUNK) {
        const chunk = Buffer.concat(Array.from({ length: Math.min(CHUNK, messages - sent) }, () => one));
        await new Promise((resolve) => publisher.write(chunk, resolve));
      }
    },
  };
}

/** Messages per write of the publisher. */
const CHUNK = 20;
const START_MS = 10_000;

function findBinary(name: string): string | undefined {
  for (const folder of ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin']) {
    const path = join(folder, name);
    try {
      execFileSync('test', ['-x', path]);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

function versionText(binary: string, name: string): string {
  try {
    return execFileSync(binary, [name === 'mosquitto' ? '-h' : '--version'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
  } catch (error) {
    // mosquitto prints its version with its usage text and exits with an error status.
    return String((error as { stdout?: Buffer }).stdout ?? '');
  }
}

async function connected(port: number): Promise<Socket> {
  const until = Date.now() + START_MS;
  for (;;) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
        socket.once('error', reject);
      });
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(50);
    }
  }
}
