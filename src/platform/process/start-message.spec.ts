import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../settings/settings-table.js';
import { helpText } from './help-text.js';
import { startFailure } from './start-failure.js';
import { startMessage } from './start-message.js';

const facts = { url: 'http://localhost:8080', database: 'embedded PostgreSQL in /data' };

describe('`startMessage`', () => {
  it('shows a person all addresses, and a new admin key as a link', () => {
    const text = startMessage({ ...facts, newAdminKey: 'rta_a_b', adminKeyFile: '/data/admin.key' }, true);
    expect(text).toContain('http://localhost:8080/#key=rta_a_b\n');
    expect(text).toContain('/data/admin.key');
    expect(text).toContain('http://localhost:8080/docs');
    expect(text).toContain('ws://localhost:8080/ws');
    expect(text).toContain('Ctrl-C');
    expect(startMessage(facts, true)).not.toContain('#key');
  });

  it('is one JSON object per line if the output is not a terminal', () => {
    const lines = startMessage(facts, false)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });
    expect(lines.map((line) => line.msg)).toEqual(['Console', 'API docs', 'Sockets', 'Database', 'Stop']);
  });
});

describe('`helpText`', () => {
  it('lists every setting in lines of at most 110 characters', () => {
    const text = helpText();
    for (const name of Object.keys(SETTINGS)) expect(text).toContain(`  ${name}  (`);
    const longest = Math.max(
      ...text
        .split('\n')
        .filter((line) => line.startsWith('      '))
        .map((line) => line.length),
    );
    expect(longest).toBeLessThanOrEqual(110);
  });
});

describe('`startFailure`', () => {
  it('explains what to do if the port is taken', () => {
    const taken = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE', syscall: 'listen', port: 8080 });
    expect(startFailure(taken)).toBe(
      'Cannot start: Port 8080 is taken by another program: stop that program, or set PORT to another number.\n',
    );
    expect(startFailure(new Error('no room'))).toBe('Cannot start: no room\n');
    expect(startFailure('odd')).toBe('Cannot start: odd\n');
  });
});
