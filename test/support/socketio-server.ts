import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import type { Caller } from '../../src/access/index.js';
import { DomainError } from '../../src/platform/errors/domain-error.js';
import { parseSettings, Settings } from '../../src/platform/settings/settings.js';
import { RealtimeHub, type HubParts } from '../../src/realtime/core/hub.js';
import { Admission } from '../../src/realtime/transports/admission.js';
import { SocketIoAdapter } from '../../src/realtime/transports/socketio/socketio.adapter.js';
import { SocketIoGateway } from '../../src/realtime/transports/socketio/socketio.gateway.js';
import { WriteBatches } from '../../src/realtime/transports/write-batches.js';
import { AccessService, StrangerLimits, UsageLimits } from '../../src/access/index.js';
import { faultsOf } from './asyncapi-validator.js';
import { caller, MemoryLog, NOTHING_PUBLISHED } from './realtime-parts.js';

export const KEY = 'rta_test_key';

/** What the limits allow from now on. */
export interface Allowance {
  messages: number;
  changes: number;
  open: Set<string>;
  connections: number;
}

export interface SocketIoServer {
  readonly url: string;
  readonly hub: RealtimeHub;
  readonly log: MemoryLog;
  readonly allowance: Allowance;
  /** What the AsyncAPI document does not allow of the frames that clients got. */
  readonly faults: readonly string[];
  /** A client with the printed defaults; it is ended with the server. */
  connect(options?: Partial<ManagerOptions & SocketOptions>, namespace?: string): Socket;
  close(): Promise<void>;
}

/** The real Socket.IO gateway on a real port, over a log in memory; only keys and limits are stand-ins. */
export async function startSocketIoServer(
  parts: Partial<HubParts> = {},
  as: Partial<Caller> = {},
): Promise<SocketIoServer> {
  const log = new MemoryLog(10_000);
  const hub = new RealtimeHub({ recent: log, stored: log, published: NOTHING_PUBLISHED, ...parts });
  log.subscribe((batch) => hub.deliver(batch));
  const allowance: Allowance = { messages: Infinity, changes: Infinity, open: new Set(), connections: Infinity };
  const limits = {
    message: async () => allowance.messages-- > 0,
    subscriptionChange: async () => allowance.changes-- > 0,
    connect: async () => true,
    openConnection: async (_: Caller, id: string) => allowance.open.add(id).size <= allowance.connections,
    closeConnection: (_: Caller, id: string) => allowance.open.delete(id),
  };
  const strangers = { connect: async () => true, enter: async () => ({ known: () => {}, leave: () => {} }) };
  const access = {
    authenticate: async ({ secret }: { secret?: string }) => {
      if (secret === undefined) throw new DomainError('missing_api_key', 'Give a key.');
      if (secret !== KEY) throw new DomainError('invalid_api_key', 'No such key.');
      return caller(as);
    },
  };
  const settings = parseSettings({ DATABASE_URL: 'postgres://unused', SECRETS_KEY: 'x', PORT: '0' });

  @Module({
    providers: [
      { provide: RealtimeHub, useValue: hub },
      { provide: UsageLimits, useValue: limits },
      { provide: StrangerLimits, useValue: strangers },
      { provide: AccessService, useValue: access },
      { provide: Settings, useValue: settings },
      WriteBatches,
      Admission,
      SocketIoGateway,
    ],
  })
  class GatewayModule {}

  const app = await NestFactory.create(GatewayModule, { logger: false, forceCloseConnections: true });
  app.useWebSocketAdapter(new SocketIoAdapter(app, settings));
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const sockets: Socket[] = [];
  const faults: string[] = [];
  return {
    url,
    hub,
    log,
    allowance,
    faults,
    connect: (options = {}, namespace = '/v1/realtime') => {
      const socket = io(`${url}${namespace}`, { auth: { apiKey: KEY }, forceNew: true, ...options });
      socket.onAny((name: string, body: unknown) => faults.push(...faultsOf('socketio', name, body)));
      sockets.push(socket);
      return socket;
    },
    close: async () => {
      for (const socket of sockets) socket.disconnect();
      await app.close();
    },
  };
}

/** The next event of that name. */
export function next<T = Record<string, unknown>>(socket: Socket, name: string): Promise<T> {
  return new Promise((resolve) => socket.once(name, resolve as (body: unknown) => void));
}
