import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Starts Debian's Chromium, or the binary in `CHROMIUM`, headless and without its own network requests. */
export async function launchBrowser({ keepsPages = false } = {}): Promise<Browser> {
  const { CHROMIUM } = process.env;
  const executablePath = [...(CHROMIUM === undefined ? [] : [CHROMIUM]), ...PATHS].find((path) => existsSync(path));
  if (!executablePath) throw new Error('There is no Chromium: node test/support/run/install-tools.mjs');
  return chromium.launch({
    executablePath,
    // Whether pages that the user has left stay in memory, as they do for users.
    ...(keepsPages && { ignoreDefaultArgs: ['--disable-back-forward-cache'] }),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Errors and warnings of a page, and the hosts to which it sent requests. */
export interface PageRecord {
  readonly complaints: string[];
  readonly hosts: Set<string>;
}

export function record(page: Page): PageRecord {
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  page.on('websocket', (socket) => hosts.add(new URL(socket.url()).host));
  return { complaints, hosts };
}
