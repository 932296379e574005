import { describe, expect, it } from 'vitest';
import { sseMessage } from './sse.js';

describe('sseMessage', () => {
  it('moves the position of the client by heartbeat and ready only', () => {
    const body = { cursor: 'e-1' };
    expect(sseMessage('heartbeat', body)).toBe('event: heartbeat\nid: e-1\ndata: {"cursor":"e-1"}\n\n');
    expect(sseMessage('ready', body)).toContain('id: e-1\n');
    expect(sseMessage('connected', body)).not.toContain('id:');
    expect(sseMessage('snapshot', body)).not.toContain('id:');
  });

  it('keeps a body on one line, whatever stands in it', () => {
    const lines = sseMessage('system_announcement', { message: 'a\n\nevent: b\r\nid: c' }).trimEnd().split('\n');
    expect(lines).toHaveLength(2);
  });
});
