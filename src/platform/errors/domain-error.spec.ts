import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BadRequestException, NotFoundException } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { isConnectionLoss, isTransient } from './database-errors.js';
import { asDomainError, DomainError, ERROR_CODES } from './domain-error.js';
import { problemOf, requestError } from './problem.js';

const withCode = (code: string): Error => Object.assign(new Error('driver text'), { code });

describe('the error codes', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8');

  it.each(Object.entries(ERROR_CODES))('%s is listed in the README with its HTTP status', (code, { status }) => {
    const row = readme.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${code}\``));
    expect(row).toContain(String(status));
  });
});

describe('`asDomainError`', () => {
  it('returns a `DomainError` unchanged and hides the text of an unexpected error', () => {
    const own = new DomainError('conflict', 'taken');
    expect(asDomainError(own)).toBe(own);
    const hidden = asDomainError(new Error('password=hunter2'));
    expect(hidden).toMatchObject({ code: 'internal_error', status: 500, cause: expect.any(Error) });
    expect(JSON.stringify(hidden.toSocket())).not.toContain('hunter2');
  });

  it.each(['ECONNREFUSED', '57P01', '57014', '53300', '08006'])(
    'maps the driver error %s to `unavailable` with a time to retry',
    (code) => {
      expect(asDomainError(withCode(code))).toMatchObject({ code: 'unavailable', retryable: true, retryAfterMs: 1000 });
    },
  );

  it('detects a lost connection by its message, or by the code of its `cause`', () => {
    expect(isConnectionLoss(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isConnectionLoss(new Error('query failed', { cause: withCode('ECONNRESET') }))).toBe(true);
    expect(isConnectionLoss(withCode('23505'))).toBe(false);
    expect(isConnectionLoss('ECONNRESET')).toBe(false);
  });

  it('tells what may succeed later from what is wrong with the statement or its values', () => {
    for (const code of ['40P01', '53200', '55P03', '57014', '58030', '08006', 'ECONNRESET', 'EPROTO'])
      expect({ code, transient: isTransient(withCode(code)) }).toEqual({ code, transient: true });
    for (const code of ['22P02', '23505', '42501', 'XX000', ''])
      expect({ code, transient: isTransient(withCode(code)) }).toEqual({ code, transient: false });
    expect(isTransient(new Error('Query read timeout'))).toBe(true);
    expect(isTransient('57014')).toBe(false);
  });
});

describe('`requestError`', () => {
  it('maps NestJS exceptions to error codes of this server', () => {
    expect(requestError(new NotFoundException('Cannot GET /x'))).toMatchObject({
      code: 'not_found',
      message: 'Cannot GET /x',
    });
    const parser = Object.assign(new SyntaxError('Unexpected token at 7'), { type: 'entity.parse.failed' });
    expect(requestError(new BadRequestException('Unexpected token at 7', { cause: parser })).message).toBe(
      'The request body is not valid JSON.',
    );
    expect(requestError(new Error('surprise')).code).toBe('internal_error');
  });
});

describe('`problemOf`', () => {
  it('masks an API key in every field of a problem document, also a percent-encoded key', () => {
    const key = 'rta_ab12_s3cr3tS3cr3tS3cr3t';
    const errors = [{ pointer: `/${key}`, code: 'unknown_field', detail: `unknown field ${key}; remove it` }];
    const error = new DomainError('not_found', `Route GET /x/${key.replaceAll('_', '%5F')} not found.`, { errors });
    const problem = problemOf(error, `/x/${key.replaceAll('_', '%5f')}`);
    expect(JSON.stringify([problem, new DomainError('conflict', key).toSocket()])).not.toContain('s3cr3t');
    expect(problem.instance).toBe('/x/rta_ab12_***');
    expect(problemOf(error, '/v1/a%20b').instance).toBe('/v1/a%20b');
  });

  it('lists the invalid fields of the input', () => {
    const errors = [{ pointer: '/a', code: 'is_int', detail: 'a must be an integer number' }];
    expect(problemOf(new DomainError('invalid_request', 'bad', { errors }), '/v1/x')).toEqual({
      type: 'urn:defi-realtime:error:invalid_request',
      title: 'The request is not valid',
      status: 400,
      detail: 'bad',
      instance: '/v1/x',
      code: 'invalid_request',
      errors,
    });
  });
});
