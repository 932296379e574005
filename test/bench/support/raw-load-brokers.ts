/** Protocols of the brokers with which fan-out is compared: MQTT and NATS over WebSocket. */
import type { Dialect } from './raw-load-dialects.js';
import type { Framing, MessageSink } from './raw-load-framing.js';

/** Name of the stream, as MQTT topic and NATS subject. */
const STREAM = 'stream';

const NAME = Buffer.from(STREAM);
const LENGTH_OF_NAME = [0, NAME.length];
const CONNACK = 0x20;
const SUBACK = 0x90;
const PUBLISH = 0x30;
const CLEAN_SESSION = 2;
const KEEP_ALIVE_SECONDS = [2, 88];

/** MQTT 3.1.1 with quality of service 0, fan-out without acknowledgements. Here one frame contains one packet. */
export function mqtt(): Dialect {
  return {
    framing: 'websocket',
    head: 1,
    request: () => ({ target: '/mqtt', headers: ['Sec-WebSocket-Protocol: mqtt'] }),
    opening: (n) => {
      const id = Buffer.from(`client-${n}`);
      const body = [0, 4, ...Buffer.from('MQTT'), 4, CLEAN_SESSION, ...KEEP_ALIVE_SECONDS, 0, id.length, ...id];
      return Buffer.from([0x10, body.length, ...body]);
    },
    events: (data, start) => (data[start] === PUBLISH ? 1 : 0),
    converse(_, message) {
      if (message[0] === CONNACK && message[3] === 0) {
        return { send: [Buffer.from([0x82, 5 + NAME.length, 0, 1, ...LENGTH_OF_NAME, ...NAME, 0])] };
      }
      if (message[0] === SUBACK) return { ready: true };
      return { refused: message.toString('hex') };
    },
  };
}

/** Returns a message in the form in which a publisher writes it over plain TCP. */
export function mqttPublish(payload: Buffer): Buffer {
  const length = 2 + NAME.length + payload.length;
  return Buffer.from([PUBLISH, (length & 127) | 128, length >> 7, ...LENGTH_OF_NAME, ...NAME, ...payload]);
}

const PING = 'PING\r\n';

export function nats(): Dialect {
  return {
    framing: 'nats',
    head: 0,
    request: () => ({ target: '/', headers: [] }),
    events: () => 0,
    converse(_, message) {
      const text = message.toString();
      if (text.startsWith('INFO')) {
        const options = { verbose: false, pedantic: false, lang: 'raw', version: '1' };
        return { send: [Buffer.from(`CONNECT ${JSON.stringify(options)}\r\nSUB ${STREAM} 1\r\n${PING}`)] };
      }
      if (text === PING) return { send: [Buffer.from('PONG\r\n')] };
      return text.startsWith('PONG') ? { ready: true } : { refused: text };
    },
  };
}

export function natsPublish(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`PUB ${STREAM} ${payload.length}\r\n`), payload, Buffer.from('\r\n')]);
}

/**
 * NATS packs many messages into one frame and splits them at any byte, so frame boundaries have no meaning: the content
 * is one stream of text, of which only the line before each message is parsed.
 */
export class NatsFraming implements Framing {
  private header: number[] = [];
  /** Number of bytes of the current frame that have not arrived. */
  private frame = 0;
  private line = '';
  /** Number of bytes of the current message that have not arrived. */
  private body = 0;

  constructor(private readonly sink: MessageSink) {}

  take(data: Buffer): void {
    let offset = 0;
    while (offset < data.length) {
      if (this.frame === 0) {
        this.header.push(data[offset] ?? 0);
        offset += 1;
        this.frame = this.frameLength();
        continue;
      }
      const end = Math.min(data.length, offset + this.frame);
      this.frame -= end - offset;
      this.text(data, offset, end);
      offset = end;
    }
  }

  /** Returns the length of the frame if its header is complete; 0 if the header is incomplete or the frame is empty. */
  private frameLength(): number {
    const { header } = this;
    const short = (header[1] ?? 0) & 127;
    const size = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (header.length < size) return 0;
    const long = header.slice(2).reduce((sum, byte) => sum * 256 + byte, 0);
    if (((header[0] ?? 0) & 15) === 8) this.sink.message(Buffer.from('closed: by the broker'));
    this.header = [];
    return size === 2 ? short : long;
  }

  private text(data: Buffer, from: number, end: number): void {
    let at = from;
    while (at < end) {
      if (this.body > 0) {
        const skipped = Math.min(this.body, end - at);
        at += skipped;
        this.body -= skipped;
        if (this.body === 0) this.sink.delivered();
        continue;
      }
      const newLine = data.indexOf(10, at);
      const stop = newLine < 0 || newLine >= end ? end : newLine + 1;
      this.line += data.toString('latin1', at, stop);
      at = stop;
      if (!this.line.endsWith('\n')) continue;
      if (this.line.startsWith('MSG ')) this.body = Number(this.line.slice(this.line.lastIndexOf(' '))) + 2;
      else this.sink.message(Buffer.from(this.line));
      this.line = '';
    }
  }
}
