import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { createTransport, type SendMailOptions } from 'nodemailer';
import { dataDirectory } from '../../../platform/settings/data-directory.js';
import { Settings } from '../../../platform/settings/settings.js';
import type { HandOver } from '../notification-channel.js';

const CONNECTIONS = 8;
const ANSWER_TIMEOUT_MS = 10_000;
/**
 * Time limit for one mail with all its SMTP commands, ms. Without it a server that is slow at every command could
 * repeatedly exceed the lease of the delivery.
 */
const MAIL_TIMEOUT_MS = 30_000;

/** Mail that asks whether it may be sent once there is a connection. */
type AskedMail = SendMailOptions & { isHandedOver?: () => boolean };

/** Sends mails, or without a mail server writes them to files; the result of `send` shows which. */
@Injectable()
export class MailTransport implements OnApplicationShutdown {
  private readonly server: ReturnType<typeof smtp> | undefined;
  private readonly composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });

  constructor(private readonly settings: Settings) {
    this.server = settings.smtpUrl === undefined ? undefined : smtp(settings.smtpUrl);
  }

  /**
   * Resolves with the server's reply, or with the file's name; rejects after `timeoutMs`. `handOver` is called when there is a
   * connection, before anything of the mail is written to it; what it throws is thrown.
   */
  async send(
    id: string,
    mail: SendMailOptions,
    { handOver = () => undefined, timeoutMs = MAIL_TIMEOUT_MS }: { handOver?: HandOver; timeoutMs?: number } = {},
  ): Promise<string> {
    if (this.server !== undefined) return this.sendOver(this.server, mail, handOver, timeoutMs);
    handOver();
    const { message } = await this.composer.sendMail(mail);
    const directory = join(dataDirectory(this.settings.dataDir), 'mail');
    await mkdir(directory, { recursive: true });
    const file = `${id}.eml`;
    await writeFile(join(directory, file), message as Buffer, { mode: 0o600 });
    return `there is no SMTP_URL: written to mail/${file}`;
  }

  private async sendOver(
    server: ReturnType<typeof smtp>,
    mail: SendMailOptions,
    handOver: HandOver,
    timeoutMs: number,
  ): Promise<string> {
    let refusal: { error: unknown } | undefined;
    const isHandedOver = (): boolean => {
      try {
        handOver();
      } catch (error) {
        refusal = { error };
      }
      return refusal === undefined;
    };
    const asked: AskedMail = { ...mail, isHandedOver, signal: AbortSignal.timeout(timeoutMs) };
    try {
      return (await server.sendMail(asked)).response;
    } catch (error) {
      throw refusal === undefined ? error : refusal.error;
    }
  }

  onApplicationShutdown(): void {
    this.server?.close();
  }
}

/** Returns the transport for a mail server's URL. */
export function smtp(url: string) {
  const address = new URL(url);
  // Port 465 uses TLS from the first byte, regardless of the URL's scheme (RFC 8314).
  const secure = address.protocol === 'smtps:' || address.port === '465';
  const { username, password } = address;
  const transport = createTransport({
    pool: true,
    host: address.hostname,
    port: Number(address.port) || (secure ? 465 : 587),
    secure,
    ...(username === '' ? {} : { auth: { user: decoded(username), pass: decoded(password) } }),
    maxConnections: CONNECTIONS,
    connectionTimeout: ANSWER_TIMEOUT_MS,
    greetingTimeout: ANSWER_TIMEOUT_MS,
    socketTimeout: ANSWER_TIMEOUT_MS * 2,
    ...(address.searchParams.get('tls') === 'insecure' ? { tls: { rejectUnauthorized: false } } : {}),
    // A mail's content is text: it must not be able to name a file or URL that the library reads.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // The library reads the envelope when there is a connection, and sends nothing of a mail without recipients.
  return transport.use('stream', ({ data, message }, done) => {
    const { isHandedOver = () => true }: AskedMail = data;
    const envelope = message.getEnvelope.bind(message);
    message.getEnvelope = () => (isHandedOver() ? envelope() : { from: false, to: [] });
    done();
  });
}

/** Decodes a password, which may be written unchanged or percent-encoded; a % that encodes nothing stays a %. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll(/%(?![0-9a-f]{2})/gi, '%25'));
  } catch {
    return text;
  }
}
