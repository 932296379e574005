import { describe, expect, it } from 'vitest';
import { Causes } from './causes.js';

describe('the cause of a long event loop turn', () => {
  it('is the measured section that takes most of the turn', () => {
    const causes = new Causes();
    causes.begin('GET /slow', 90);
    causes.note('subscribe', 60, 150);
    causes.note('ping', 3, 170);
    expect(causes.of(80, 80)).toBe('subscribe');
  });

  it('is the work in progress, newest first, if no section was measured', () => {
    const causes = new Causes();
    const old = causes.begin('GET /old', 10);
    let route = 'unmatched';
    causes.begin(() => route, 90);
    causes.end(old, 150);
    route = 'POST /v1/alerts/rules';
    expect(causes.of(50, 100)).toBe('POST /v1/alerts/rules | GET /old');
  });

  it('is `unknown` if no work was in progress, even if work ended before the turn', () => {
    const causes = new Causes();
    causes.end(causes.begin('GET /done', 10), 20);
    causes.note('earlier', 500, 30);
    expect(causes.of(50, 100)).toBe('unknown');
    expect(causes.of(50, 100, 'start')).toBe('start');
  });
});
