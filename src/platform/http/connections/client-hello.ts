/** Types of a TLS record that carries a handshake, and of the message that begins one. */
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;

/** Longest ClientHello that is waited for, bytes; browsers send 2 KB with post-quantum keys. */
const MAX_HELLO_BYTES = 16_384;
/** Records over which a ClientHello may be split; TLS decides on what has more. */
const MAX_RECORDS = 8;

/** Whether what a connection has sent holds a whole ClientHello, or something else, which TLS refuses at once. */
export function isClientHelloWhole(sent: Buffer): boolean {
  if (sent.length > MAX_HELLO_BYTES) return true;
  let message = Buffer.alloc(0);
  let at = 0;
  for (let records = 0; records < MAX_RECORDS && at < sent.length; records += 1) {
    if (sent[at] !== HANDSHAKE_RECORD) return true;
    if (at + RECORD_HEADER_BYTES > sent.length) return false;
    const end = at + RECORD_HEADER_BYTES + sent.readUInt16BE(at + 3);
    message = Buffer.concat([message, sent.subarray(at + RECORD_HEADER_BYTES, end)]);
    if (isWhole(message)) return true;
    if (end > sent.length) return false;
    at = end;
  }
  return at < sent.length;
}

function isWhole(message: Buffer): boolean {
  if (message.length > 0 && message[0] !== CLIENT_HELLO) return true;
  return message.length >= MESSAGE_HEADER_BYTES && message.length >= MESSAGE_HEADER_BYTES + message.readUIntBE(1, 3);
}
