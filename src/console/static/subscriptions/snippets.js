/** Languages in which a subscription is written. */
export const LANGUAGES = {
  client: 'Client (TypeScript)',
  socketio: 'Socket.IO',
  websocket: 'WebSocket',
  sse: 'SSE (fetch)',
  curl: 'curl',
  python: 'Python',
};

/** Names of filters on plain WebSocket, where they differ. */
const WEBSOCKET_NAMES = { protocols: 'protocolIds', tokens: 'tokenIds' };

/**
 * Writes a program that prints what a subscription gets. It reads the key from API_KEY. `channels` and `filters` are as in
 * the API's JSON, `origin` is the server.
 */
export function snippet(language, { channels, filters }, origin) {
  return WRITERS[language]({ channels, filters, origin });
}

const literal = (value) => JSON.stringify(value, null, 2);

/** Text in single quotes of a POSIX shell, whatever it contains. */
const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Address of the stream with lists separated by commas. */
function streamAddress({ channels, filters, origin }) {
  const values = Object.entries({ channels, ...filters }).map(([name, value]) => [name, [value].flat().join(',')]);
  return `${origin}/v1/stream?${new URLSearchParams([...values, ['snapshot', 'true']])}`;
}

const WRITERS = {
  client: ({ channels, filters, origin }) => `import { connect } from 'defi-realtime/client';

const client = connect({ url: ${literal(origin)}, auth: process.env.API_KEY });
const filter = ${literal({ channels, ...filters, snapshot: true })};
for await (const message of client.subscribe(filter)) {
  console.log(JSON.stringify(message));
}
`,
  socketio: ({ channels, filters, origin }) => `import { io } from 'socket.io-client';

const socket = io(${literal(`${origin}/v1/realtime`)}, { auth: { apiKey: process.env.API_KEY } });
const subscriptions = ${literal(channels.map((channel) => ({ type: 'channel', channel, ...filters, snapshot: true })))};
socket.onAny((name, event) => console.log(name, JSON.stringify(event)));
socket.on('connect_error', (error) => console.error(error.message));
socket.on('connect', () => socket.emit('subscribe', subscriptions, (answer) => console.log(JSON.stringify(answer))));
`,
  websocket: ({ channels, filters, origin }) => {
    const named = Object.fromEntries(
      Object.entries(filters).map(([name, value]) => [WEBSOCKET_NAMES[name] ?? name, value]),
    );
    return `const socket = new WebSocket(${literal(`${origin.replace(/^http/, 'ws')}/ws`)});
const subscribe = ${literal({ type: 'subscribe', channels, filters: named, snapshot: true })};
socket.addEventListener('open', () => {
  socket.send(JSON.stringify({ type: 'authenticate', apiKey: process.env.API_KEY }));
  socket.send(JSON.stringify(subscribe));
});
socket.addEventListener('message', ({ data }) => console.log(data));
`;
  },
  sse: (request) => `const answer = await fetch(${literal(streamAddress(request))}, {
  headers: { Authorization: \`Bearer \${process.env.API_KEY}\` },
});
if (!answer.ok) throw new Error(await answer.text());
for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
  process.stdout.write(text);
}
`,
  curl: (request) => `curl --no-buffer --silent --show-error --header "Authorization: Bearer $API_KEY" \\
  ${shell(streamAddress(request))}
`,
  python: (request) => `import os
import urllib.request

request = urllib.request.Request(
    ${literal(streamAddress(request))},
    headers={"Authorization": "Bearer " + os.environ["API_KEY"]},
)
with urllib.request.urlopen(request) as stream:
    for line in stream:
        print(line.decode().rstrip(), flush=True)
`,
};
