import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NotificationFixture } from './notification-fixture.js';

let server: Server;
let fixture: NotificationFixture;
let directory: string;
/** Replies to SMTP commands by their first word; default: `220`, `250` or `221`. */
let replies: Record<string, string> = {};
/** Delay of the greeting, ms. */
let greetingMs = 0;
/** First words of all commands. */
const commands: string[] = [];
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.add(socket);
    setTimeout(() => socket.write(`${replies['CONNECT'] ?? '220 ready'}\r\n`), greetingMs);
    socket.on('data', (data) => {
      const [word = ''] = data.toString().split(/\W/);
      commands.push(word);
      socket.write(`${replies[word] ?? '250 ok'}\r\n`);
      if (word === 'QUIT') socket.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  directory = mkdtempSync(join(tmpdir(), 'mail-replies-'));
  fixture = await NotificationFixture.start({
    SMTP_URL: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    DATA_DIR: directory,
    VERIFY_TARGETS: 'false',
  });
});
afterAll(async () => {
  await fixture.close();
  await new Promise<void>((done) => server.close(() => done()));
  rmSync(directory, { recursive: true, force: true });
});

describe('delivery to a mail server', () => {
  it('is retried when the server refuses connections with 554', async () => {
    replies = { CONNECT: '554 no service here' };
    const row = await fixture.until(
      await fixture.send('email', await fixture.claim('email', 'ann@example.com')),
      'retrying',
    );
    expect(row.reason).toContain('554 no service here');
  });

  it('fails for good on 550, stores the cleaned reply, and holds further mails to the address', async () => {
    replies = { RCPT: '550 5.1.1 no \0 such\u0001user' };
    const target = await fixture.claim('email', 'bob@example.com');
    const row = await fixture.until(await fixture.send('email', target), 'dead');
    expect(row).toMatchObject({ attempts: 1, reason: expect.stringContaining('550 5.1.1 no such user') });
    await fixture.untilHeld(await fixture.send('email', target), 'bounced');
  });

  it('does not begin if the target is disabled while a connection is made', async () => {
    const target = await fixture.claim('email', 'eve@example.com');
    for (const socket of sockets) socket.destroy();
    commands.length = 0;
    greetingMs = 2_000;
    const id = await fixture.send('email', target);
    await fixture.until(id, 'sending');
    await fixture.app.db.pool.query(`UPDATE notification_targets SET status = 'disabled' WHERE target = $1`, [target]);
    const row = await fixture.until(id, 'suppressed');
    expect(row).toMatchObject({ attempts: 0, reason: 'target_disabled' });
    expect(commands).toContain('EHLO');
    expect(commands).not.toContain('MAIL');
  });
});
