import { randomBytes } from 'node:crypto';

/** Receiver of the messages of a framing. `data` is the shared read buffer, so the receiver must copy what it keeps. */
export interface MessageSink {
  /** Number of bytes of a message that `delivery` needs. */
  readonly head: number;
  /**
   * Called with the beginning of a message. Returns true if the rest can be skipped, false if the whole message is needed
   * and must be passed to `message`. `data` contains at least `head` bytes of the message, or all of it.
   */
  delivery(data: Buffer, start: number, end: number): boolean;
  message(message: Buffer): void;
  /** Called for one more delivery whose content is not needed. */
  delivered(): void;
  /** Called with a frame that must be sent to the peer at once. */
  answer(frame: Buffer): void;
}

/** Splits a byte stream into messages. */
export interface Framing {
  take(data: Buffer): void;
}

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** Frames of a server (RFC 6455): never masked, and here never fragmented. */
export class WebSocketFraming implements Framing {
  private rest: Buffer | undefined;
  /** Number of remaining bytes of a delivery that was already counted. */
  private skip = 0;

  constructor(private readonly sink: MessageSink) {}

  take(piece: Buffer): void {
    const data = this.rest ? Buffer.concat([this.rest, piece]) : piece;
    let offset = Math.min(this.skip, data.length);
    this.skip -= offset;
    for (;;) {
      const next = this.frame(data, offset);
      if (next === offset) break;
      offset = Math.min(next, data.length);
      this.skip = next - offset;
    }
    // Copied, because the next read of any client overwrites the buffer.
    this.rest = offset < data.length ? Buffer.from(data.subarray(offset)) : undefined;
  }

  /**
   * Returns the start of the next frame, which may be after the end of the data; `offset` if too few bytes of this frame
   * have arrived.
   */
  private frame(data: Buffer, offset: number): number {
    const there = data.length - offset;
    if (there < 2) return offset;
    let length = (data[offset + 1] ?? 0) & 127;
    let start = offset + 2;
    if (length === 126) {
      if (there < 4) return offset;
      length = data.readUInt16BE(offset + 2);
      start = offset + 4;
    } else if (length === 127) {
      if (there < 10) return offset;
      length = Number(data.readBigUInt64BE(offset + 2));
      start = offset + 10;
    }
    const end = start + length;
    const opcode = (data[offset] ?? 0) & 15;
    if (opcode <= 2) {
      if (Math.min(end, start + this.sink.head) > data.length) return offset;
      if (this.sink.delivery(data, start, Math.min(end, data.length))) return end;
    }
    if (end > data.length) return offset;
    if (opcode === PING) this.sink.answer(clientFrame(data.subarray(start, end), PONG));
    else if (opcode === CLOSE) this.sink.message(Buffer.from(`closed: ${data.toString('utf8', start + 2, end)}`));
    else if (opcode <= 2) this.sink.message(data.subarray(start, end));
    return end;
  }
}

/** Blocks of an event stream inside the chunks of an HTTP answer. */
export class EventStreamFraming implements Framing {
  private rest: Buffer | undefined;
  /** Number of bytes of the current chunk that have not arrived. */
  private chunk = 0;
  private blocks: Buffer | undefined;

  constructor(private readonly sink: MessageSink) {}

  take(piece: Buffer): void {
    const data = this.rest ? Buffer.concat([this.rest, piece]) : piece;
    this.rest = undefined;
    let offset = 0;
    while (offset < data.length) {
      if (this.chunk === 0) {
        // The search for the end of the size line skips the line end of the previous chunk.
        const first = data[offset] === 13 ? offset + 2 : offset;
        const end = data.indexOf('\r\n', first);
        if (end < 0) {
          this.rest = Buffer.from(data.subarray(offset));
          return;
        }
        this.chunk = Number.parseInt(data.toString('latin1', first, end), 16);
        offset = end + 2;
        if (this.chunk === 0) return this.sink.message(Buffer.from('closed: the stream ended'));
      }
      const end = Math.min(data.length, offset + this.chunk);
      this.text(data.subarray(offset, end));
      this.chunk -= end - offset;
      offset = end;
    }
  }

  private text(piece: Buffer): void {
    const data = this.blocks ? Buffer.concat([this.blocks, piece]) : piece;
    let offset = 0;
    for (let end = data.indexOf('\n\n'); end >= 0; end = data.indexOf('\n\n', offset)) {
      if (!this.sink.delivery(data, offset, end)) this.sink.message(data.subarray(offset, end));
      offset = end + 2;
    }
    this.blocks = offset < data.length ? Buffer.from(data.subarray(offset)) : undefined;
  }
}

/** Returns a complete frame of a client, masked as clients must. */
export function clientFrame(payload: string | Buffer, opcode = typeof payload === 'string' ? TEXT : 2): Buffer {
  const data = Buffer.from(payload);
  const header = data.length < 126 ? 2 : 4;
  if (data.length > 65_535) throw new Error('A raw client says at most 64 KiB at once');
  const frame = Buffer.alloc(header + 4 + data.length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (header === 2 ? data.length : 126);
  if (header === 4) frame.writeUInt16BE(data.length, 2);
  const mask = randomBytes(4);
  mask.copy(frame, header);
  for (const [i, byte] of data.entries()) frame[header + 4 + i] = byte ^ (mask[i & 3] ?? 0);
  return frame;
}
