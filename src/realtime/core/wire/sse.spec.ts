import { describe, expect, it } from 'vitest';
import { sseMessage } from './sse.js';

describe('`sseMessage`', () => {
  it('writes an SSE `id` for `heartbeat` and `ready`, but not for `connected` or `snapshot`', () => {
    const body = { cursor: 'e-1' };
    expect(sseMessage('heartbeat', body)).toBe('event: heartbeat\nid: e-1\ndata: {"cursor":"e-1"}\n\n');
    expect(sseMessage('ready', body)).toContain('id: e-1\n');
    expect(sseMessage('connected', body)).not.toContain('id:');
    expect(sseMessage('snapshot', body)).not.toContain('id:');
  });

  it('writes the body on one line, even if it contains line breaks', () => {
    const lines = sseMessage('system_announcement', { message: 'a\n\nevent: b\r\nid: c' }).trimEnd().split('\n');
    expect(lines).toHaveLength(2);
  });
});
