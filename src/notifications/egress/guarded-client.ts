import { isIP, type Socket } from 'node:net';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { EgressPolicy, EgressRefused, hostOf } from '../core/egress-policy.js';
import { errorCode } from '../../platform/errors/error-code.js';
import { askBeforeSending } from './ask-before-sending.js';
import { fastestConnection } from './fastest-connection.js';
import { headOf } from './head-of.js';
import { Resolver } from './resolver.js';

const CONNECT_TIMEOUT_MS = 3_000;
const TOTAL_TIMEOUT_MS = 10_000;
/** Maximum age of a kept connection, ms; after it, the address is checked again for a new connection. */
const MAX_SOCKET_AGE_MS = 60_000;
const IDLE_TIMEOUT_MS = 10_000;
/**
 * Maximum number of connections per origin. It exceeds the number of deliveries that are sent at once (164,
 * `deliveries/receiver-lanes.ts`), so that only the turnstiles limit users: hooks of many users are on one host, and
 * hooks of one user that never respond must not use up all its connections.
 */
const CONNECTIONS_PER_ORIGIN = 192;
/** Maximum time to wait for the body of a response, ms: only proofs need the body. */
const BODY_TIMEOUT_MS = 300;
/** Error codes of a kept connection that the receiver has closed in the meantime. */
const CLOSED: readonly string[] = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

/** Failure after the request may have been sent: its receiver may have processed it. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';

  constructor(cause: unknown) {
    super('no answer', { cause });
  }
}

interface PostOptions {
  /** Whether to wait for the first 4 KB of the answer. */
  whole?: boolean;
  /** Called once there is a connection, before anything is written to it; `post` throws what this function throws. */
  beforeSending?: () => void;
}

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** First 4 KB of the body, as text. */
  head: string;
}

/**
 * The only client that may call URLs chosen by users. It checks the address three times: as it is written, as the name
 * resolves (in the look-up that the connection uses), and as the socket reports its peer. It follows no redirects, uses
 * no proxy, aborts after 10 s and reads 4 KB.
 */
@Injectable()
export class GuardedClient implements OnApplicationShutdown {
  private readonly kept: Agent;
  /** Agent for repeated requests: each uses a new connection, which is closed afterwards. */
  private readonly fresh: Agent;
  /** Errors before anything was sent: of connections that were never established, and of `beforeSending`. */
  private readonly unsent = new WeakSet<Error>();
  private readonly secure = buildConnector({ timeout: CONNECT_TIMEOUT_MS, allowH2: false });

  constructor(
    private readonly policy: EgressPolicy,
    private readonly resolver: Resolver,
  ) {
    this.kept = this.agent(1);
    this.fresh = this.agent(0);
  }

  /**
   * Posts a body. Throws EgressRefused, the network's own error or that of `beforeSending` if nothing was sent, otherwise
   * Unanswered. A response counts when its headers have arrived. If the receiver has closed a kept connection, the request is
   * repeated once on a new one.
   */
  async post(
    address: string,
    headers: Readonly<Record<string, string>>,
    body: string | Buffer,
    { whole = false, beforeSending = () => undefined }: PostOptions = {},
  ): Promise<Answer> {
    const url = this.policy.url(address);
    const request = {
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'POST' as const,
      headers: { ...headers },
      body,
      signal: AbortSignal.timeout(TOTAL_TIMEOUT_MS),
    };
    const asked = (agent: Agent): Dispatcher => askBeforeSending(agent, () => this.noted(beforeSending));
    const answer = await asked(this.kept)
      .request(request)
      .catch(async (first: unknown) => {
        if (first instanceof Error && CLOSED.includes(errorCode(first)))
          return this.again(asked(this.fresh), request, first);
        throw this.failure(first);
      });
    const head = await headOf(answer, whole ? TOTAL_TIMEOUT_MS : BODY_TIMEOUT_MS);
    return { status: answer.statusCode, headers: answer.headers, head };
  }

  /**
   * Repeats a request on a new connection. Throws Unanswered if the repeat fails as well and the first request was sent: the
   * receiver may have got the first one.
   */
  private async again(
    agent: Dispatcher,
    request: Dispatcher.RequestOptions,
    first: Error,
  ): Promise<Dispatcher.ResponseData> {
    return agent.request(request).catch((second: unknown) => {
      throw this.unsent.has(first) ? this.failure(second) : new Unanswered(second);
    });
  }

  /** Refuses a host name if any of its addresses is private; used when a target is registered. */
  async checkName(address: string): Promise<void> {
    const url = this.policy.url(address);
    const host = hostOf(url);
    if (isIP(host) !== 0) return;
    for (const each of await this.resolver.addresses(host)) this.policy.checkAddress(each, url);
  }

  /**
   * Returns an agent for other requests to a URL chosen by a user: each of its connections is checked as those of `post`. Its
   * owner bounds the answers and closes it.
   */
  checkedAgent(): Agent {
    return this.agent(1);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.kept.destroy(), this.fresh.destroy()]);
  }

  private noted(beforeSending: () => void): void {
    try {
      beforeSending();
    } catch (error) {
      const known = asError(error);
      this.unsent.add(known);
      throw known;
    }
  }

  private failure(error: unknown): Error {
    const known = asError(error);
    return this.unsent.has(known) ? known : new Unanswered(known);
  }

  /** Returns an agent; with `pipelining` 0 a connection serves only one request. */
  private agent(pipelining: 0 | 1): Agent {
    return new Agent({
      connect: (options, callback) => void this.open(options, callback),
      connections: CONNECTIONS_PER_ORIGIN,
      pipelining,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      keepAliveMaxTimeout: MAX_SOCKET_AGE_MS,
      clientTtl: MAX_SOCKET_AGE_MS,
      headersTimeout: TOTAL_TIMEOUT_MS,
      bodyTimeout: TOTAL_TIMEOUT_MS,
    });
  }

  private async open(options: buildConnector.Options, callback: buildConnector.Callback): Promise<void> {
    const fail = (error: Error): void => {
      this.unsent.add(error);
      callback(error, null);
    };
    try {
      const httpSocket = await this.connect(options);
      if (options.protocol !== 'https:') callback(null, httpSocket);
      else
        this.secure({ ...options, httpSocket }, (...[error, socket]) => (error ? fail(error) : callback(null, socket)));
    } catch (error) {
      fail(asError(error));
    }
  }

  /** Connects to one of the addresses that the policy allows; tries them in parallel. */
  private async connect(options: buildConnector.Options): Promise<Socket> {
    const { protocol } = options;
    const host = hostOf(options);
    const kind = { protocol, port: options.port };
    // An IP address needs no look-up.
    if (isIP(host) !== 0) this.policy.checkAddress(host, kind);
    const addresses = isIP(host) === 0 ? await this.allowed(host, kind) : [host];
    const port = Number(options.port) || (protocol === 'https:' ? 443 : 80);
    const socket = await fastestConnection(addresses, port, CONNECT_TIMEOUT_MS);
    try {
      this.policy.checkAddress(socket.remoteAddress ?? '', kind);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, MAX_SOCKET_AGE_MS);
    return socket;
  }

  /** Returns the allowed addresses of a name; fails if there are none. */
  private async allowed(host: string, kind: Pick<URL, 'protocol' | 'port'>): Promise<string[]> {
    const addresses = await this.resolver.addresses(host);
    const good = addresses.filter((address) => this.policy.allows(address, kind));
    if (good.length === 0) throw new EgressRefused('the name resolves to an address that is not public');
    return good;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
