import { describe, expect, it } from 'vitest';
import type { DomainError } from '../errors/domain-error.js';
import { at, Faults, faultyInput, inputFault } from './faults.js';

/** Returns the error that the faults throw. */
function errorOf(faults: Faults): DomainError | undefined {
  try {
    faults.check();
    return undefined;
  } catch (error) {
    return error as DomainError;
  }
}

describe('faults of an input', () => {
  it('are no error if there are none', () => {
    expect(errorOf(new Faults())).toBeUndefined();
  });

  it('are one error with the first detail, the number of the others, and each position', () => {
    const faults = new Faults();
    faults.limit('/limit', 'too_many', 'limit must be at most 5');
    faults.add('/name', 'required', 'name is required');
    expect(errorOf(faults)).toMatchObject({
      code: 'invalid_request',
      status: 400,
      message: 'name is required (and 1 more, see errors)',
      field: 'name',
      errors: [
        { pointer: '/name', code: 'required', detail: 'name is required' },
        { pointer: '/limit', code: 'too_many', detail: 'limit must be at most 5' },
      ],
    });
  });

  it('have status 422 if all of them are exceeded limits', () => {
    const faults = new Faults();
    faults.limit('/limit', 'too_many', 'limit must be at most 5');
    expect(errorOf(faults)).toMatchObject({ code: 'limit_exceeded', status: 422, message: 'limit must be at most 5' });
  });

  it('are bounded in number and length', () => {
    const faults = new Faults();
    for (let index = 0; index < 70; index++) {
      faults.add(at('/where', 'x'.repeat(1_000)), 'unknown_field', `unknown field ${index}`);
      faults.limit('/list', 'too_many', 'too many');
    }
    const error = errorOf(faults);
    expect(error?.message).toBe('unknown field 0 (and 49 more, see errors)');
    expect(error?.errors).toHaveLength(50);
    expect(Math.max(...(error?.errors ?? []).map(({ pointer }) => pointer.length))).toBe(200);
  });
});

it.each([
  ['/a/b', 'a/b'],
  ['?from', 'from'],
  [':id', 'id'],
  ['', undefined],
])('A single fault at %j names the field %j', (pointer, field) => {
  const error = inputFault('invalid_request', pointer, 'wrong', 'must be right', { message: 'It must be right.' });
  expect(error).toMatchObject({
    message: 'It must be right.',
    errors: [{ pointer, code: 'wrong', detail: 'must be right' }],
  });
  expect([error.field, faultyInput([{ pointer, code: 'wrong', detail: 'x' }]).field]).toEqual([field, field]);
});

it('A JSON pointer escapes the signs that it consists of', () => {
  expect([at('', 'a'), at('/where', 3), at('/where', 'a/b~c')]).toEqual(['/a', '/where/3', '/where/a~1b~0c']);
});
