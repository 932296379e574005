/** Uses a deployment through its edge, from within its network, and prints one JSON object of what it saw. */
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect } from 'node:tls';
import { WebSocket } from 'ws';

const EDGE = { host: 'localhost', port: 8443 };
const ca = readFileSync('/run/secrets/tls.crt');
const key = readFileSync('/run/secrets/admin_key', 'utf8').trim();
const headers = { authorization: `Bearer ${key}` };

/** Answers the status and as much of the body as `enough` wants. */
function ask(path, enough) {
  return new Promise((resolve, reject) => {
    get({ ...EDGE, ca, path, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk.toString();
        if (!enough?.(text)) return;
        resolve({ status: answer.statusCode, text });
        answer.destroy();
      });
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
      answer.on('error', () => {});
    }).on('error', reject);
  });
}

const tls = (maxVersion) =>
  new Promise((resolve) => {
    const socket = connect({ ...EDGE, ca, maxVersion, minVersion: 'TLSv1.2' }, () => {
      resolve(socket.getProtocol());
      socket.destroy();
    });
    socket.on('error', (error) => resolve(error.code));
  });

const webSocket = () =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${EDGE.host}:${EDGE.port}/ws?apiKey=${key}`, { ca });
    socket.on('error', reject);
    socket.on('message', (data) => {
      const { event, type } = JSON.parse(Buffer.from(data).toString());
      resolve(event ?? type);
      socket.terminate();
    });
  });

const stream = (await ask('/v1/stream?channels=events:tvl,events:prices', (text) => /event: (?:tvl|price)/.test(text)))
  .text;
console.log(
  JSON.stringify({
    tls12: await tls('TLSv1.2'),
    tls13: await tls('TLSv1.3'),
    me: (await ask('/v1/me')).status,
    webSocket: await webSocket(),
    stream: [...stream.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name),
  }),
);
process.exit(0);
