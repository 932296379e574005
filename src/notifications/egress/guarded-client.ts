import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { EgressPolicy, EgressRefused, hostOf } from '../core/egress-policy.js';
import { Resolver } from './resolver.js';

const CONNECT_MS = 3_000;
const TOTAL_MS = 10_000;
/** A kept connection goes to an address that was checked; after this time it is checked again. */
const SOCKET_AGE_MS = 60_000;
const IDLE_MS = 10_000;
/** Of the answer; the rest is not read. */
const HEAD_BYTES = 4_096;
const CONNECTIONS_PER_ORIGIN = 64;

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The first 4 KB of the body, as text. */
  head: string;
}

type Connector = ReturnType<typeof buildConnector>;

/**
 * The only client that calls addresses users chose. Judges the address three times: as it is written, as the name
 * resolves, which is the look-up the connection uses, and as the socket reports its peer. Never follows a redirect, knows no
 * proxy, gives up after 10 s and reads 4 KB.
 */
@Injectable()
export class GuardedClient implements OnApplicationShutdown {
  private readonly agent: Agent;
  private readonly publicConnector: Connector;
  private readonly exceptionConnector: Connector;

  constructor(
    private readonly policy: EgressPolicy,
    private readonly resolver: Resolver,
  ) {
    this.publicConnector = this.connector({ protocol: 'https:', port: '' });
    this.exceptionConnector = this.connector({ protocol: 'http:', port: '' });
    this.agent = new Agent({
      connect: (options, callback) => this.connect(options, callback),
      connections: CONNECTIONS_PER_ORIGIN,
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: SOCKET_AGE_MS,
      clientTtl: SOCKET_AGE_MS,
      headersTimeout: TOTAL_MS,
      bodyTimeout: TOTAL_MS,
    });
  }

  /** Throws EgressRefused before anything is sent, or the network's own error. */
  async post(address: string, headers: Readonly<Record<string, string>>, body: string | Buffer): Promise<Answer> {
    const url = this.policy.url(address);
    const signal = AbortSignal.timeout(TOTAL_MS);
    const answer = await this.agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'POST',
      headers: { ...headers },
      body,
      signal,
    });
    return { status: answer.statusCode, headers: answer.headers, head: await headOf(answer) };
  }

  /** Refuses a name one of whose addresses is private: for the moment a target is made known. */
  async checkName(address: string): Promise<void> {
    const url = this.policy.url(address);
    const host = hostOf(url);
    if (isIP(host) !== 0) return;
    for (const each of await this.resolver.addresses(host)) this.policy.checkAddress(each, url);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  private connect(options: buildConnector.Options, callback: buildConnector.Callback): void {
    const host = hostOf(options);
    const address = { protocol: options.protocol, port: options.port };
    try {
      // A socket asks for no look-up when the host is an address.
      if (isIP(host) !== 0) this.policy.checkAddress(host, address);
    } catch (error) {
      callback(asError(error), null);
      return;
    }
    const connector = this.policy.reachesPublic(address) ? this.publicConnector : this.exceptionConnector;
    connector(options, (error, socket) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      try {
        this.policy.checkAddress(socket.remoteAddress ?? '', address);
        callback(null, socket);
      } catch (refused) {
        socket.destroy();
        callback(asError(refused), null);
      }
    });
  }

  /** Connections that only ever see addresses which the policy allows for this kind of URL. */
  private connector(kind: Pick<URL, 'protocol' | 'port'>): Connector {
    const lookUp = callbackify((host: string) => this.allowed(host, kind));
    const guarded: LookupFunction = (host, options, callback) => {
      lookUp(host, (error, found) => {
        const [first] = found ?? [];
        if (error !== null) callback(error, '');
        else if (options.all) callback(null, found);
        else callback(null, first?.address ?? '', first?.family ?? 0);
      });
    };
    return buildConnector({ timeout: CONNECT_MS, allowH2: false, lookup: guarded });
  }

  /** The good addresses of a name; fails when there are none among them. */
  private async allowed(
    host: string,
    kind: Pick<URL, 'protocol' | 'port'>,
  ): Promise<{ address: string; family: number }[]> {
    const addresses = await this.resolver.addresses(host);
    const good = addresses.filter((address) => this.policy.allows(address, kind));
    if (good.length === 0) throw new EgressRefused('the name leads to an address that is not public');
    return good.map((address) => ({ address, family: isIP(address) }));
  }
}

/** A body that breaks off, or never ends, takes nothing from the answer: its status has been read. */
async function headOf({ body }: Dispatcher.ResponseData): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= HEAD_BYTES) break; // ends the stream, and with it the connection
    }
  } catch {
    // What came before is the answer.
  }
  return Buffer.concat(chunks).subarray(0, HEAD_BYTES).toString('utf8');
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
