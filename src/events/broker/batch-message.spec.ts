import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../core/log-event.js';
import { decodeBatch, encodeBatch } from './batch-message.js';

const event = (seq: number, type: LogEvent['type'], owner: string | null = null): LogEvent => ({
  seq,
  epoch: 'e1',
  type,
  protocol: null,
  chain: null,
  token: null,
  previous: null,
  current: null,
  moved: null,
  protocolTvl: null,
  name: null,
  category: null,
  symbol: null,
  volume24h: null,
  marketCap: null,
  data: null,
  source: 'test',
  confidence: 1,
  tags: [],
  observedAt: 1,
  capturedAt: 1,
  loggedAt: 1,
  owner,
  correlationId: null,
  traceParent: null,
});

describe('a message with a batch', () => {
  it('leaves out rows that other processes must read from the log: of one user, or of an unknown type', () => {
    const text = encodeBatch('here', [
      event(1, 'tick'),
      event(2, 'unknown'),
      event(3, 'alert', 'ann'),
      event(4, 'unknown'),
    ]);
    expect(decodeBatch(text)).toEqual({ batch: [event(1, 'tick')], through: 4 });
  });
});
