import { SCHEMAS, TRANSPORTS, type TransportDescription } from './transports.js';
import type { MessageDescription } from './schema.js';

type Part = Readonly<Record<string, unknown>>;

/** Returns the key of a message in the document: unique over transports and directions. */
export function messageKey(transport: string, name: string, from: 'server' | 'client'): string {
  return from === 'server' ? `${transport}.${name}` : `${transport}.client.${name}`;
}

function describe({ name, summary, payload, example }: MessageDescription): Part {
  return { name, summary, contentType: 'application/json', payload, examples: [{ payload: example }] };
}

function messagesOf({ key, sends, receives }: TransportDescription): [string, Part][] {
  return [
    ...sends.map((message): [string, Part] => [messageKey(key, message.name, 'server'), describe(message)]),
    ...receives.map((message): [string, Part] => [messageKey(key, message.name, 'client'), describe(message)]),
  ];
}

/** Channels of the document: one for each address of a transport; all of them carry the same messages. */
function channelsOf(transport: TransportDescription): [string, Part][] {
  const messages = Object.fromEntries(
    messagesOf(transport).map(([key]) => [key, { $ref: `#/components/messages/${key}` }]),
  );
  return transport.addresses.map((address): [string, Part] => [
    channelKey(transport, address),
    {
      address,
      title: transport.title,
      description: transport.description,
      servers: [{ $ref: `#/servers/${transport.key}` }],
      messages,
    },
  ]);
}

function channelKey({ key }: TransportDescription, address: string): string {
  const path = address.slice(1).replaceAll('/', '-');
  return path === '' ? `${key}-root` : `${key}-${path}`;
}

function operationsOf(transport: TransportDescription): [string, Part][] {
  return transport.addresses.flatMap((address) => {
    const channel = channelKey(transport, address);
    return (['send', 'receive'] as const).flatMap((action): [string, Part][] => {
      const from = action === 'send' ? 'server' : 'client';
      const listed = action === 'send' ? transport.sends : transport.receives;
      if (listed.length === 0) return [];
      const messages = listed.map(({ name }) => ({
        $ref: `#/channels/${channel}/messages/${messageKey(transport.key, name, from)}`,
      }));
      return [[`${channel}-${action}`, { action, channel: { $ref: `#/channels/${channel}` }, messages }]];
    });
  });
}

const SERVER_PROTOCOL = { socketio: 'ws', websocket: 'ws', sse: 'http' } as const;

/**
 * Returns the AsyncAPI 3.0 document of all messages of all transports. Schemas are closed where the contract is. `host`
 * is the address of the server.
 */
export function asyncApiDocument(host: string, secure: boolean, version: string): Part {
  const servers = TRANSPORTS.map(({ key, title }) => [
    key,
    {
      host,
      protocol: `${SERVER_PROTOCOL[key]}${secure ? 's' : ''}`,
      title,
      security: [{ $ref: '#/components/securitySchemes/apiKey' }],
    },
  ]);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'defi-realtime',
      version,
      license: { name: 'MIT' },
      description:
        'Every published change of TVL, prices and protocols, pushed to subscribers and resumable by cursor. The three ' +
        'transports carry the same events under the same cursors; the REST side is described in /openapi.json.',
    },
    defaultContentType: 'application/json',
    servers: Object.fromEntries(servers),
    channels: Object.fromEntries(TRANSPORTS.flatMap(channelsOf)),
    operations: Object.fromEntries(TRANSPORTS.flatMap(operationsOf)),
    components: {
      messages: Object.fromEntries(TRANSPORTS.flatMap(messagesOf)),
      schemas: SCHEMAS,
      securitySchemes: {
        apiKey: { type: 'httpApiKey', in: 'query', name: 'apiKey', description: 'API key or signed token' },
      },
    },
  };
}
