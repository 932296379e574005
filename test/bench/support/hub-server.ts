/**
 * The product's delivery, composed like the built app, in the calling process and without a database: ring of recent
 * events, hub with index and sessions, metrics, and the three transports on one port. Not included: PostgreSQL,
 * sequencer, broker and the check of keys; every client is admitted.
 */
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { LogEvent } from '../../../src/events/index.js';
import type { RealtimeHub } from '../../../src/realtime/core/hub.js';
import { aLogEvent } from '../../support/data/log-event.js';

const BEAT_INTERVAL_MS = 100;
const RING_SIZE = 50_000;
const EPOCH = 'mfz3k1x0';

const NO_LIMITS = {
  connections: 0,
  messages: 0,
  apiRequests: 0,
  alertRules: 0,
  subscriptionChanges: 0,
  connectsPerAddress: 0,
};
const CALLER = { userId: 'bench', keyId: 'bench', role: 'reader', tier: 'enterprise', limits: NO_LIMITS };

export interface HubServer {
  readonly port: number;
  readonly hub: RealtimeHub;
  /** Numbers the events and gives them to the hub in one turn of the event loop. */
  publish(events: readonly Partial<LogEvent>[]): void;
  /** Returns the numbers of slow connections so far, by action. */
  slowConsumers(): Promise<{ latest: number; closed: number }>;
}

export async function startHubServer(env: Readonly<Record<string, string>> = {}): Promise<HubServer> {
  const { RealtimeHub } = await built<typeof import('../../../src/realtime/core/hub.js')>('realtime/core/hub.js');
  const { EventEncoder } = await built<typeof import('../../../src/realtime/core/wire/encoded-event.js')>(
    'realtime/core/wire/encoded-event.js',
  );
  const { Ring } = await built<typeof import('../../../src/events/feed/ring.js')>('events/feed/ring.js');
  const { Metrics } =
    await built<typeof import('../../../src/platform/metrics/metrics.js')>('platform/metrics/metrics.js');
  const { Clock } = await built<typeof import('../../../src/platform/clock/clock.js')>('platform/clock/clock.js');
  const { RealtimeMetrics } =
    await built<typeof import('../../../src/realtime/realtime-metrics.js')>('realtime/realtime-metrics.js');

  const ring = new Ring(RING_SIZE, Number.MAX_SAFE_INTEGER);
  const clock = new Clock();
  const { registry } = new Metrics();
  const metrics = new RealtimeMetrics({ registry }, clock);
  const log = {
    epoch: EPOCH,
    position: 0,
    recent: (afterSeq: number, limit: number) => ring.after(afterSeq, limit, log.position),
    readPage: async () => ({ events: [], hasMore: false }),
    bounds: async () => ({ epoch: EPOCH, firstSeq: 1, headSeq: log.position }),
  };
  const hub = new RealtimeHub({
    recent: log,
    stored: log,
    published: { tvlOf: () => [], price: () => undefined, all: () => [] },
    queries: {
      open: () => {
        throw new Error('The bench has no live queries.');
      },
    },
    encoder: new EventEncoder(),
    observer: metrics,
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
  });
  const port = await listen(hub, clock, env);
  setInterval(() => hub.tick(), BEAT_INTERVAL_MS);
  return {
    port,
    hub,
    publish(events) {
      const batch = events.map((fields) =>
        aLogEvent(
          { seq: ++log.position, epoch: EPOCH, type: 'governance', protocol: 'aave-v3', source: 'bench', ...fields },
          Date.now(),
        ),
      );
      for (const event of batch) ring.push(event);
      hub.deliver(batch);
    },
    async slowConsumers() {
      const values = (await registry.getSingleMetric('ws_slow_consumers_total')?.get())?.values ?? [];
      const countOf = (step: string): number => values.find(({ labels }) => labels['step'] === step)?.value ?? 0;
      return { latest: countOf('latest'), closed: countOf('closed') };
    },
  };
}

/** Admits all clients. */
const STRANGERS = { connect: async () => true, enter: async () => ({ known() {}, leave() {} }) };

async function listen(hub: RealtimeHub, clock: object, env: Readonly<Record<string, string>>): Promise<number> {
  const { parseSettings, Settings } = await built<typeof import('../../../src/platform/settings/settings.js')>(
    'platform/settings/settings.js',
  );
  const { AccessService, StrangerLimits, UsageLimits } =
    await built<typeof import('../../../src/access/index.js')>('access/index.js');
  const { Clock } = await built<typeof import('../../../src/platform/clock/clock.js')>('platform/clock/clock.js');
  const { RealtimeHub } = await built<typeof import('../../../src/realtime/core/hub.js')>('realtime/core/hub.js');
  const { DOOR_PROVIDERS } = await built<typeof import('../../../src/realtime/transports/door-providers.js')>(
    'realtime/transports/door-providers.js',
  );
  const { SessionKeeper } = await built<typeof import('../../../src/realtime/resume/session-keeper.js')>(
    'realtime/resume/session-keeper.js',
  );
  const { Database } = await built<typeof import('../../../src/platform/database/database.js')>(
    'platform/database/database.js',
  );
  const { PodChannel } = await built<typeof import('../../../src/platform/redis/pod-channel.js')>(
    'platform/redis/pod-channel.js',
  );
  const { BodyReader } = await built<typeof import('../../../src/platform/http/bodies/body-reader.js')>(
    'platform/http/bodies/body-reader.js',
  );
  const { LoopGuard } =
    await built<typeof import('../../../src/platform/loop/loop-guard.js')>('platform/loop/loop-guard.js');
  const { Metrics } =
    await built<typeof import('../../../src/platform/metrics/metrics.js')>('platform/metrics/metrics.js');
  const { BackgroundLoops } = await built<typeof import('../../../src/platform/process/background-loops.js')>(
    'platform/process/background-loops.js',
  );
  const { WriteBatches } = await built<typeof import('../../../src/realtime/transports/sending/write-batches.js')>(
    'realtime/transports/sending/write-batches.js',
  );
  const { SocketIoAdapter } = await built<
    typeof import('../../../src/realtime/transports/socketio/socketio.adapter.js')
  >('realtime/transports/socketio/socketio.adapter.js');
  const { ConnectionParts } = await built<
    typeof import('../../../src/realtime/transports/websocket/connection-parts.js')
  >('realtime/transports/websocket/connection-parts.js');
  const { WebSocketTransport } = await built<
    typeof import('../../../src/realtime/transports/websocket/websocket.transport.js')
  >('realtime/transports/websocket/websocket.transport.js');
  const { StreamController } = await built<typeof import('../../../src/realtime/transports/sse/stream.controller.js')>(
    'realtime/transports/sse/stream.controller.js',
  );
  const { StreamService } = await built<typeof import('../../../src/realtime/transports/sse/stream.service.js')>(
    'realtime/transports/sse/stream.service.js',
  );

  const settings = parseSettings({
    DATABASE_URL: 'postgres://unused',
    SECRETS_KEY: 'a key that only benches use',
    PORT: '0',
    ...env,
  });
  class DeliveryModule {}
  Module({
    controllers: [StreamController],
    providers: [
      { provide: RealtimeHub, useValue: hub },
      { provide: Clock, useValue: clock },
      { provide: Settings, useValue: settings },
      { provide: AccessService, useValue: { authenticate: async () => CALLER } },
      {
        provide: UsageLimits,
        useValue: {
          message: async () => true,
          subscriptionChange: async () => true,
          connect: async () => true,
          openConnection: async () => true,
          closeConnection() {},
        },
      },
      WriteBatches,
      // No client resumes a session.
      { provide: SessionKeeper, useValue: { isToken: () => false, newToken: () => 'token' } },
      { provide: Database, useValue: { query: async () => [] } },
      { provide: PodChannel, useValue: { on: () => () => {}, publish: async () => true } },
      { provide: StrangerLimits, useValue: STRANGERS },
      Metrics,
      BackgroundLoops,
      BodyReader,
      { provide: LoopGuard, useValue: { run: (_: string, work: () => unknown) => work() } },
      ...DOOR_PROVIDERS,
      ConnectionParts,
      WebSocketTransport,
      StreamService,
    ],
  })(DeliveryModule);
  const app = await NestFactory.create(DeliveryModule, { logger: false, forceCloseConnections: true });
  app.useWebSocketAdapter(new SocketIoAdapter(app, settings));
  await app.listen(0, '127.0.0.1');
  return (app.getHttpServer().address() as AddressInfo).port;
}

/** Imports a module of the build, as it runs in production; Node cannot strip the types of a file with decorators. */
function built<T>(path: string): Promise<T> {
  return import(join(import.meta.dirname, '../../../dist/src', path)) as Promise<T>;
}
