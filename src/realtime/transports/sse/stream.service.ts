import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { secretFromRequest, type Caller } from '../../../access/index.js';
import { asDomainError } from '../../../platform/errors/domain-error.js';
import { BodyReader } from '../../../platform/http/bodies/body-reader.js';
import { clientAddress } from '../../../platform/request/client-address.js';
import { becomesKnown } from '../../../platform/http/connections/known-callers.js';
import { Settings } from '../../../platform/settings/settings.js';
import { RealtimeHub } from '../../core/hub.js';
import { parseStreamBody, parseStreamQuery, type StreamRequest } from '../../core/request/parse-sse.js';
import type { Session } from '../../core/session/session.js';
import type { SubscribeAnswer } from '../../core/session/session-calls.js';
import { assertMaySubscribe } from '../../core/session/subscription-rights.js';
import { ConnectionAdmission } from '../admission/connection-admission.js';
import { queryOf, userAgentOf } from '../admission/request-parts.js';
import { WriteBatches } from '../sending/write-batches.js';
import { SseLink } from './sse-link.js';

/** Event streams over HTTP: an invalid request is refused with its HTTP status before the stream begins. */
@Injectable()
export class StreamService implements BeforeApplicationShutdown {
  private readonly logger = new Logger('EventStream');
  private readonly open = new Set<SseLink>();

  constructor(
    private readonly hub: RealtimeHub,
    private readonly admission: ConnectionAdmission,
    private readonly batches: WriteBatches,
    private readonly settings: Settings,
    private readonly bodies: BodyReader,
  ) {}

  beforeApplicationShutdown(): void {
    this.admission.drain();
    for (const link of this.open) link.close('server_draining', '');
  }

  /**
   * Answers the request with a stream that lasts until either side ends it; resolves when it has begun. Rejects with the
   * fault of the request, or with the reason why it cannot be served now, before any part of the answer is sent.
   */
  async stream(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = queryOf(request.url);
    const connectionId = randomUUID();
    const address = clientAddress(request, this.settings.trustProxy);
    const secret = secretFromRequest({ headers: request.headers, query: Object.fromEntries(query) });
    const caller = await this.admission.identify({ secret, transport: 'sse', address });
    const wanted = await this.wantedBy(request, response, { query, caller });
    const resuming = wanted.options.since !== undefined;
    await this.admission.enter(caller, { address, connectionId, resuming });
    becomesKnown(request);
    const leave = () => this.admission.leave(caller, connectionId);
    if (response.destroyed) return leave();
    response.once('close', leave);
    for (const one of wanted.requests) assertMaySubscribe(caller, one);
    const userAgent = userAgentOf(request);
    await this.begin(response, { caller, connectionId, address, userAgent, region: this.settings.region }, wanted);
  }

  private async wantedBy(
    request: IncomingMessage,
    response: ServerResponse,
    { query, caller }: { query: URLSearchParams; caller: Caller },
  ): Promise<StreamRequest> {
    const lastEventId = headerOf(request, 'last-event-id');
    if (request.method !== 'POST') return parseStreamQuery(query, lastEventId);
    const body = await this.bodies.readJson(request, response, { size: 'large', caller: caller.keyId });
    return parseStreamBody(body, query, lastEventId);
  }

  /**
   * Begins the stream. The first subscription is accepted or refused within the same turn of the event loop; nothing is
   * sent before.
   */
  private async begin(
    response: ServerResponse,
    identity: StreamIdentity,
    { requests, options }: StreamRequest,
  ): Promise<void> {
    const link = new SseLink(response, this.batches);
    const session = this.hub.open(link, identity);
    this.open.add(link);
    response.once('close', () => {
      this.open.delete(link);
      session.end();
    });
    const subscribed = session.subscribe(requests, options);
    const refusal = await Promise.race([refusalOf(subscribed), nextTurn()]);
    if (refusal !== undefined && !response.headersSent) {
      session.end();
      throw refusal;
    }
    link.begin();
    void this.follow(session, link, subscribed);
  }

  private async follow(session: Session, link: SseLink, subscribed: Promise<SubscribeAnswer>): Promise<void> {
    try {
      const { cursor, recovered, reason, replayed, snapshot } = await subscribed;
      link.sendMessage('ready', { cursor, recovered, reason, replayed, snapshot });
    } catch (caught) {
      const error = asDomainError(caught);
      if (error.code === 'internal_error') {
        this.logger.error({ err: error.cause, connectionId: session.id }, 'stream could not begin');
      }
      link.fail(error);
    }
  }
}

async function refusalOf(subscribed: Promise<unknown>): Promise<unknown> {
  return subscribed.then(
    () => undefined,
    (error: unknown) => error,
  );
}

interface StreamIdentity {
  caller: Caller;
  connectionId: string;
  address: string;
  userAgent: string | undefined;
  region: string | undefined;
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
