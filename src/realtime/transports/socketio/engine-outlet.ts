import type { Socket } from 'socket.io';
import { textFrame } from '../websocket/text-frame.js';

/** A Socket.IO packet, as text for long polling and as a WebSocket frame; made once, shared by all sockets. */
export interface SharedPacket {
  readonly text: string;
  readonly frame: Buffer;
}

/** Puts the engine's message type in front; what follows is the packet. */
export function sharedPacket(text: string): SharedPacket {
  return { text, frame: textFrame(`4${text}`) };
}

type Connection = Socket['conn'];

/** What this file uses of engine.io and ws beyond their typed interface. */
interface Internals {
  writeBuffer: { data?: unknown; options?: { wsPreEncodedFrame?: readonly Buffer[] } }[];
  /** `wsPreEncodedFrame` is what goes to the network as it is: one buffer, or header and payload. */
  write(data: string, options?: { wsPreEncodedFrame: readonly Buffer[] }): void;
  transport: {
    name: string;
    perMessageDeflate: unknown;
    _canSendPreEncodedFrame?: unknown;
    socket?: { bufferedAmount?: number; terminate?(): void; _sender?: { sendFrame?: unknown } };
  };
}

/**
 * Writes prepared packets to one engine connection, and the only place that touches internals of engine.io and ws. Where
 * these are not what they were when this was written, packets go out as text, one by one: slower, never wrong.
 */
export class EngineOutlet {
  private readonly engine: Internals;

  constructor(private readonly connection: Connection) {
    this.engine = connection as unknown as Internals;
  }

  /** All packets in one write where the transport allows it. The engine's own order is kept. */
  write(packets: readonly SharedPacket[]): void {
    if (this.connection.readyState !== 'open') return;
    if (!this.takesFrames()) {
      for (const { text } of packets) this.engine.write(text);
      return;
    }
    const [only] = packets;
    const frame = packets.length === 1 && only ? only.frame : Buffer.concat(packets.map((packet) => packet.frame));
    // A packet without data: an engine that ignored the frame would send an empty message, hence the check above.
    this.engine.write('', { wsPreEncodedFrame: [frame] });
  }

  /** Bytes that the network has not taken: the engine's queue and the socket's own. */
  bufferedBytes(): number {
    let bytes = this.engine.transport.socket?.bufferedAmount ?? 0;
    for (const { data, options } of this.engine.writeBuffer)
      bytes += options?.wsPreEncodedFrame?.length ?? sizeOf(data);
    return bytes;
  }

  /** Ends the connection so that the client's library comes back by itself; a peer that takes nothing is cut off. */
  close(graceMs: number): void {
    this.connection.close();
    const cut = setTimeout(() => {
      this.engine.transport.socket?.terminate?.();
      this.connection.close(true);
    }, graceMs);
    cut.unref();
  }

  private takesFrames(): boolean {
    const { transport } = this.engine;
    return (
      transport.name === 'websocket' &&
      !transport.perMessageDeflate &&
      typeof transport._canSendPreEncodedFrame === 'function' &&
      typeof transport.socket?._sender?.sendFrame === 'function'
    );
  }
}

function sizeOf(data: unknown): number {
  return typeof data === 'string' || Buffer.isBuffer(data) ? data.length : 0;
}
