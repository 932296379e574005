import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import type { Caller } from '../../../src/access/index.js';
import { DomainError } from '../../../src/platform/errors/domain-error.js';
import { parseSettings, Settings, type Environment } from '../../../src/platform/settings/settings.js';
import { RealtimeHub, type HubParts } from '../../../src/realtime/core/hub.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { LoopGuard } from '../../../src/platform/loop/loop-guard.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { PodChannel } from '../../../src/platform/redis/pod-channel.js';
import type { Pods } from '../../../src/platform/redis/pods.js';
import { SessionKeeper } from '../../../src/realtime/resume/session-keeper.js';
import type { SessionRow, SessionStore } from '../../../src/realtime/resume/session-store.js';
import { ConnectionAdmission } from '../../../src/realtime/transports/admission/connection-admission.js';
import { DOOR_PROVIDERS } from '../../../src/realtime/transports/door-providers.js';
import { SocketIoAdapter } from '../../../src/realtime/transports/socketio/socketio.adapter.js';
import { WriteBatches } from '../../../src/realtime/transports/sending/write-batches.js';
import { AccessService, StrangerLimits, UsageLimits } from '../../../src/access/index.js';
import { faultsOf } from '../oracles/asyncapi-validator.js';
import { caller, MemoryLog, NO_QUERIES, NOTHING_PUBLISHED } from './realtime-parts.js';
import { testLoops } from './background-loops.js';

export const KEY = 'rta_test_key';

/** Numbers that the limits permit from now on. */
interface Allowance {
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
  /** Violations of the AsyncAPI document in frames that clients received. */
  readonly faults: readonly string[];
  /** Refuses all clients from now on. */
  drain(): void;
  /** Refuses the next `times` keys with this error. */
  refuseWith(error: () => Error, times: number): void;
  /** Connects a client with the documented defaults; the server's end also closes it. */
  connect(options?: Partial<ManagerOptions & SocketOptions>, namespace?: string): Socket;
  close(): Promise<void>;
}

/** Starts the real Socket.IO gateway on a real port, over a log in memory; only keys and limits are replaced. */
export async function startSocketIoServer(
  parts: Partial<HubParts> = {},
  as: Partial<Caller> = {},
  env: Environment = {},
): Promise<SocketIoServer> {
  const log = new MemoryLog(10_000);
  const hub = new RealtimeHub({
    recent: log,
    stored: log,
    published: NOTHING_PUBLISHED,
    queries: NO_QUERIES,
    ...parts,
  });
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
  const sessions = new Map<string, SessionRow>();
  const store = {
    write: async (_: string, rows: readonly SessionRow[]) => {
      for (const row of rows) {
        const known = sessions.get(row.token);
        if (known && known.owner !== row.owner) continue;
        if (row.kept === '') sessions.delete(row.token);
        else if (known || row.kept) sessions.set(row.token, { ...row, kept: row.kept ?? known?.kept });
      }
    },
    recordAlive: async () => {},
    sweep: async () => {},
    claim: async (_: string, token: string, userId: string, owner: string) => {
      const known = sessions.get(token);
      if (!known || known.userId !== userId) return undefined;
      sessions.set(token, { ...known, owner });
      return known.kept;
    },
  };
  const refusals = { left: 0, error: () => new Error('none') };
  const access = {
    authenticate: async ({ secret }: { secret?: string }) => {
      if (refusals.left-- > 0) throw refusals.error();
      if (secret === undefined) throw new DomainError('missing_api_key', 'Give a key.');
      if (secret !== KEY) throw new DomainError('invalid_api_key', 'No such key.');
      return caller(as);
    },
  };
  const settings = parseSettings({
    DATABASE_URL: 'postgres://unused',
    SECRETS_KEY: 'a key that only tests use',
    PORT: '0',
    ...env,
  });

  @Module({
    providers: [
      { provide: RealtimeHub, useValue: hub },
      { provide: UsageLimits, useValue: limits },
      { provide: StrangerLimits, useValue: strangers },
      { provide: AccessService, useValue: access },
      { provide: Settings, useValue: settings },
      WriteBatches,
      {
        provide: SessionKeeper,
        useValue: new SessionKeeper(hub, store as unknown as SessionStore, { id: 'pod' } as Pods, testLoops()),
      },
      { provide: Database, useValue: { query: async () => [] } },
      { provide: PodChannel, useValue: { on: () => () => {}, publish: async () => true } },
      Clock,
      Metrics,
      { provide: LoopGuard, useValue: { run: (_: string, work: () => unknown) => work() } },
      ...DOOR_PROVIDERS,
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
    drain: () => app.get(ConnectionAdmission).drain(),
    refuseWith: (error, times) => void Object.assign(refusals, { left: times, error }),
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

/** Returns the next event with that name. */
export function next<T = Record<string, unknown>>(socket: Socket, name: string): Promise<T> {
  return new Promise((resolve) => socket.once(name, resolve as (body: unknown) => void));
}
