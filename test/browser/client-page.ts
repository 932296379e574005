import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import { writeClient } from '../../src/client/bundle.mjs';
import { waitFor } from '../support/wait-for.js';

const ROOT = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** Builds the client that the app serves. Call it before the app starts. */
export const buildClient = (): Promise<void> => writeClient(join(ROOT, 'dist/client', version));

/** What the application in a page got: prices, and the names of other messages, each with its time in Unix ms. */
interface Received {
  readonly what: number | string;
  readonly at: number;
}

interface ClientOfPage {
  readonly url: string;
  readonly auth: string;
  /** Whether the connection is shared with other tabs. */
  readonly isShared?: boolean;
  readonly transport?: 'websocket' | 'sse';
  readonly filter: object;
}

/** Page with the served client, whose application notes all that it gets. */
export class ClientPage {
  /** Number of WebSockets that the page has opened. */
  sockets = 0;

  private constructor(
    readonly page: Page,
    readonly cdp: CDPSession,
  ) {
    page.on('websocket', () => (this.sockets += 1));
  }

  static async open(
    context: BrowserContext,
    { filter, isShared = false, ...options }: ClientOfPage,
  ): Promise<ClientPage> {
    const page = await context.newPage();
    const opened = new ClientPage(page, await context.newCDPSession(page));
    await page.goto(`${options.url}/health/live`);
    await page.evaluate(`(async () => {
      const received = [];
      const { ${isShared ? 'connectShared: connect' : 'connect'} } =
        await import('/client/${version}/${isShared ? 'shared' : 'index'}.js');
      const client = connect(${JSON.stringify(options)});
      const note = (what) => received.push({ what, at: performance.timeOrigin + performance.now() });
      globalThis.app = { received, client, note, errors: [], states: [] };
      client.on('error', (error) => app.errors.push(String(error.code ?? error)));
      client.on('state', (state) => app.states.push(state));
      app.subscription = client.subscribe(${JSON.stringify(filter)}, (message) =>
        note(message.eventType === 'price_change' ? message.currentPrice : message.eventType));
    })()`);
    return opened;
  }

  run<T>(expression: string): Promise<T> {
    return this.page.evaluate(expression) as Promise<T>;
  }

  received(): Promise<readonly Received[]> {
    return this.run('app.received');
  }

  /** Returns the prices that the application got, in order. */
  async prices(): Promise<readonly number[]> {
    return (await this.received()).flatMap(({ what }) => (typeof what === 'number' ? [what] : []));
  }

  async kinds(): Promise<readonly string[]> {
    return (await this.received()).flatMap(({ what }) => (typeof what === 'string' ? [what] : []));
  }

  /** Waits until the application has this price, and returns when it got it, Unix ms. */
  has(price: number): Promise<number> {
    return waitFor(async () => (await this.received()).find(({ what }) => what === price)?.at, {
      what: `the price ${price}`,
      timeoutMs: 15_000,
    });
  }

  async isReady(): Promise<void> {
    await waitFor(async () => (await this.kinds()).includes('snapshot'), { what: 'a snapshot' });
  }
}
