import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { asyncApiDocument, messageKey } from '../../../src/realtime/asyncapi/document.js';

type Transport = 'socketio' | 'websocket' | 'sse';

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strictRequired: false });
(addFormats as unknown as (target: Ajv) => void)(ajv);
ajv.addSchema(asyncApiDocument('localhost:8080', false, '0'), 'asyncapi', false);
ajv.addVocabulary(['asyncapi', 'info', 'channels', 'operations', 'components', 'servers', 'defaultContentType']);

const compiled = new Map<string, ValidateFunction | undefined>();

function validatorOf(key: string): ValidateFunction | undefined {
  if (!compiled.has(key)) compiled.set(key, ajv.getSchema(`asyncapi#/components/messages/${key}/payload`));
  return compiled.get(key);
}

/**
 * Returns the violations of the AsyncAPI document by a message; empty if there are none. `name` is the event's name on
 * Socket.IO (`subscribe.ack` for the argument of a callback) and SSE, and the message's `type` on plain WebSocket.
 */
export function faultsOf(
  transport: Transport,
  name: string,
  body: unknown,
  from: 'server' | 'client' = 'server',
): string[] {
  const validate = validatorOf(messageKey(transport, name, from));
  if (!validate) return [`${transport} ${from} message ${name} is not described`];
  if (validate(body)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    return `${transport} ${name}${instancePath} ${message} ${JSON.stringify(params)} in ${JSON.stringify(body).slice(0, 400)}`;
  });
}

/** Throws if a message violates the AsyncAPI document. */
export function assertDescribed(transport: Transport, name: string, body: unknown): void {
  const faults = faultsOf(transport, name, body);
  if (faults.length > 0) throw new Error(faults.join('\n'));
}
