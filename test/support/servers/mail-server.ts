import type { AddressInfo } from 'node:net';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { waitFor } from '../wait-for.js';

export interface ReceivedMail {
  to: string;
  raw: string;
  mail: Email;
  /** Returns the value of a header, unfolded; empty if the header is missing. */
  header(name: string): string;
}

/** A real SMTP server. `refuse` returns an SMTP error for a recipient. */
export class MailServer {
  readonly received: ReceivedMail[] = [];
  refuse: (to: string) => { code: number; text: string } | undefined = () => undefined;
  /** SMTP error for every sender; undefined: all senders are accepted. */
  refuseSender: { code: number; text: string } | undefined;
  /** Delay before each reply to a sender, a recipient and a mail, ms. */
  slowMs = 0;
  /** User and password that clients must give; undefined: none are required. */
  credentials: { user: string; password: string } | undefined;

  private constructor(private readonly server: SMTPServer) {}

  static async start(options: { authenticated?: boolean } = {}): Promise<MailServer> {
    let self: MailServer | undefined;
    const server = new SMTPServer({
      authOptional: !options.authenticated,
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, callback) => {
        const { user, password: right } = self?.credentials ?? {};
        if (username === user && password === right) callback(null, { user: username });
        else callback(Object.assign(new Error(`Invalid login for ${username}`), { responseCode: 535 }));
      },
      onMailFrom: (_address, _session, callback) => {
        const refused = self?.refuseSender;
        const answer = refused && Object.assign(new Error(refused.text), { responseCode: refused.code });
        setTimeout(() => callback(answer), self?.slowMs);
      },
      onRcptTo: ({ address }, _session, callback) => {
        const refused = self?.refuse(address);
        const answer = refused && Object.assign(new Error(refused.text), { responseCode: refused.code });
        setTimeout(() => callback(answer), self?.slowMs);
      },
      onData: (stream, session, callback) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const raw = Buffer.concat(chunks).toString();
          setTimeout(() => {
            void self?.take(raw, session.envelope.rcptTo[0]?.address ?? '', callback);
          }, self?.slowMs);
        });
      },
    });
    server.on('error', () => undefined);
    self = new MailServer(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return self;
  }

  private async take(raw: string, to: string, taken: () => void): Promise<void> {
    const mail = await PostalMime.parse(raw);
    const header = (name: string): string => mail.headers.find(({ key }) => key === name)?.value ?? '';
    this.received.push({ to, raw, mail, header });
    taken();
  }

  get url(): string {
    const { port } = this.server.server.address() as AddressInfo;
    const { user, password } = this.credentials ?? {};
    const login = user === undefined ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password ?? '')}@`;
    return `smtp://${login}127.0.0.1:${port}`;
  }

  /** Waits until `count` mails to this address have arrived. */
  to(address: string, count = 1): Promise<ReceivedMail[]> {
    const found = (): ReceivedMail[] => this.received.filter(({ to }) => to === address);
    return waitFor(() => (found().length >= count ? found() : undefined), {
      what: `${count} mails to ${address}`,
      timeoutMs: 20_000,
    });
  }

  async close(): Promise<void> {
    await new Promise<void>((done) => this.server.close(() => done()));
  }
}
