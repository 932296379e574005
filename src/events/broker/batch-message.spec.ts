import { describe, expect, it } from 'vitest';
import { aLogEvent } from '../../../test/support/data/log-event.js';
import type { LogEvent } from '../core/log-event.js';
import { decodeBatch, encodeBatch } from './batch-message.js';

const event = (seq: number, type: LogEvent['type'], owner: string | null = null): LogEvent =>
  aLogEvent({ seq, type, owner });

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
