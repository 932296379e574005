import { describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '../../events/index.js';
import { asyncApiDocument } from './document.js';
import { TRANSPORTS } from './transports.js';
import { faultsOf } from '../../../test/support/oracles/asyncapi-validator.js';

interface Part {
  [key: string]: Part;
}
const document = asyncApiDocument('example.org', true, '1.0.0') as unknown as Part;

function resolve(ref: string): unknown {
  return ref
    .slice(2)
    .split('/')
    .reduce<Part | undefined>((part, key) => part?.[key], document);
}

function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = '$ref' in value && typeof value.$ref === 'string' ? [value.$ref] : [];
  return [...own, ...Object.values(value).flatMap(refsIn)];
}

describe('the AsyncAPI document', () => {
  it('contains no broken references', () => {
    const lost = [...new Set(refsIn(document))].filter((ref) => resolve(ref) === undefined);
    expect(lost).toEqual([]);
  });

  it('describes every event type on every transport', () => {
    for (const { key, sends } of TRANSPORTS) {
      const names = new Set(sends.map(({ name }) => name));
      const wanted = EVENT_TYPES.map((type) =>
        key === 'websocket' ? type.replace(/^(tvl|price)_change$/, '$1_update') : type,
      );
      expect(wanted.filter((name) => !names.has(name))).toEqual([]);
    }
  });

  it('has unique message names per transport and direction', () => {
    for (const { sends, receives } of TRANSPORTS) {
      for (const messages of [sends, receives]) {
        const names = messages.map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
      }
    }
  });

  const examples = TRANSPORTS.flatMap(({ key, sends, receives }) => [
    ...sends.map((message) => ({ key, from: 'server' as const, ...message })),
    ...receives.map((message) => ({ key, from: 'client' as const, ...message })),
  ]);
  it.each(examples)('contains a valid example for $key, sent by the $from: $name', ({ key, from, name, example }) => {
    expect(faultsOf(key, name, example, from)).toEqual([]);
  });

  it('forbids unknown fields', () => {
    expect(faultsOf('websocket', 'pong', { type: 'pong', timestamp: 1, surprise: true })).toHaveLength(1);
    expect(faultsOf('sse', 'ready', { cursor: 'e-1', surprise: true })).toHaveLength(1);
  });

  it('has no description of the unknown message `nonsense`', () => {
    expect(faultsOf('sse', 'nonsense', {})).toEqual(['sse server message nonsense is not described']);
  });
});
