import { describe, expect, test } from 'vitest';
import { refusePrecondition } from './precondition.js';

describe('preconditions', () => {
  test.each([
    ['PATCH', { 'if-match': 'W/"1"' }],
    ['DELETE', { 'if-match': '"1", "2"' }],
    ['PUT', { 'if-unmodified-since': 'Mon, 30 Nov 2026 09:00:00 GMT' }],
    ['POST', { 'if-match': '*', 'if-unmodified-since': 'Mon, 30 Nov 2026 09:00:00 GMT' }],
  ])('are refused on a %s, which would ignore them', (method, headers) => {
    expect(() => refusePrecondition({ method, headers })).toThrow(/remove these headers.*version/);
  });

  test.each([
    ['PATCH', {}],
    ['PATCH', { 'if-match': ' * ' }],
    ['GET', { 'if-match': '"1"' }],
    ['QUERY', { 'if-none-match': '"1"' }],
  ])('that every %s meets pass', (method, headers) => {
    expect(() => refusePrecondition({ method, headers })).not.toThrow();
  });
});
