/** What the bench and its servers say to each other, and the message that all of them send. */
export type FanoutKind = 'defi-realtime' | 'socket.io' | 'ws';

export interface FanoutTask {
  readonly kind: FanoutKind;
  /** Settings of the product. */
  readonly env?: Readonly<Record<string, string>>;
}
export interface PublishCommand {
  readonly type: 'publish';
  readonly events: number;
  /** Events handed over in one turn of the event loop. */
  readonly perTurn: number;
}
export interface PublishedAnswer {
  readonly type: 'published';
  /** Processor time of the server since the command came, seconds. */
  readonly cpu: number;
}

/** Bytes of a message's JSON, whoever sends it. */
export const MESSAGE_BYTES = 290;
/** Fills the product's event up to that length. */
export const FILLING = { note: 'x'.repeat(62) };

/** A message of the same fields and length as the product's. */
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
