import express, { type Request } from 'express';
import { expect, it } from 'vitest';
import { prefersCsv } from './csv.interceptor.js';

it.each([
  ['text/csv', true],
  ['text/csv; charset=utf-8', true],
  ['TEXT/CSV;charset=UTF-8;header=present', true],
  ['text/csv; charset=utf-8, application/json;q=0.5', true],
  ['application/json; charset=utf-8, text/csv;q=0.5', false],
  ['application/json', false],
  ['text/*', true],
  ['*/*', false],
  ['text/csv;q=0', false],
  ['text/csv; charset=utf-16', false],
])('a client with the header `Accept: %s` prefers CSV: %s', (accept, csv) => {
  const request: Request = Object.assign(Object.create(express.request), { headers: { accept } });
  expect(prefersCsv(request)).toBe(csv);
});
