const FINAL_TEXT = 0x81;

/**
 * A text message as one final, unmasked frame (RFC 6455 5.2), ready for the wire. It holds nothing of a connection, so
 * all sockets of the process share one buffer.
 */
export function textFrame(json: string): Buffer {
  const length = Buffer.byteLength(json);
  const header = headerLength(length);
  const frame = Buffer.allocUnsafeSlow(header + length);
  frame[0] = FINAL_TEXT;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(json, header, 'utf8');
  return frame;
}

function headerLength(length: number): 2 | 4 | 10 {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}
