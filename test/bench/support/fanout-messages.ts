/** Messages between the bench and its servers, and the message that all servers send. */
export type FanoutKind = 'defi-realtime' | 'socket.io' | 'ws';

export interface FanoutTask {
  readonly kind: FanoutKind;
  /** Settings of the product. */
  readonly env?: Readonly<Record<string, string>>;
}
export interface PublishCommand {
  readonly type: 'publish';
  readonly events: number;
  /** Number of events published in one turn of the event loop. */
  readonly perTurn: number;
}
export interface PublishedAnswer {
  readonly type: 'published';
  /** Processor time of the server since the command arrived, seconds. */
  readonly cpu: number;
}

/** Length of a message's JSON in bytes, the same for all servers. */
export const MESSAGE_BYTES = 290;
/** Data that extends the product's event to that length. */
export const FILLING = { note: 'x'.repeat(62) };

/** Returns a message with the same fields and length as the product's. */
export function messageOf(number: number): Record<string, unknown> {
  return {
    eventId: '018bcfe5-6802-7000-8000-025ad0e0478c',
    cursor: `mfz3k1x0-${number.toString(36).padStart(11, '0')}`,
    timestamp: new Date().toISOString(),
    source: 'bench',
    confidence: 1,
    tags: [],
    eventType: 'governance',
    protocol: 'aave-v3',
    data: FILLING,
  };
}
