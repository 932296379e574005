const FINAL_TEXT = 0x81;

/**
 * Returns a text message as one final, unmasked frame (RFC 6455 5.2), ready for the network. It is independent of the
 * connection, so all sockets of the process share one buffer.
 */
export function textFrame(text: string): Buffer {
  return frameIn(text, Buffer.allocUnsafeSlow);
}

/**
 * Returns the same for one connection only, in memory that many frames share: thousands of buffers of their own make the garbage
 * collector hold the event loop.
 */
export function ownTextFrame(text: string): Buffer {
  return frameIn(text, Buffer.allocUnsafe);
}

function frameIn(text: string, allocate: (size: number) => Buffer): Buffer {
  const length = Buffer.byteLength(text);
  const header = headerLength(length);
  const frame = allocate(header + length);
  frame[0] = FINAL_TEXT;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, header, 'utf8');
  return frame;
}

/** Returns the text of a frame that `textFrame` made, for transports that cannot send frames. */
export function frameText(frame: Buffer): string {
  const [, size = 0] = frame;
  const header = size < 126 ? 2 : size === 126 ? 4 : 10;
  return frame.toString('utf8', header);
}

function headerLength(length: number): 2 | 4 | 10 {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}
