import { expect, it } from 'vitest';
import { smtp } from './mail-transport.js';

it.each([
  ['smtp://mail.example.com', 587, false, undefined],
  ['smtps://mail.example.com', 465, true, undefined],
  ['smtp://mail.example.com:465', 465, true, undefined],
  ['smtp://u:100%@mail.example.com:25', 25, false, { user: 'u', pass: '100%' }],
  ['smtp://u:a%40b%@mail.example.com', 587, false, { user: 'u', pass: 'a@b%' }],
  ['smtp://u%40x:%ff@mail.example.com', 587, false, { user: 'u@x', pass: '%ff' }],
])('the mail URL %s is parsed into host, port, TLS and credentials', (url, port, secure, auth) => {
  const server = smtp(url);
  const { options } = server as unknown as { options: object };
  expect(options).toMatchObject({ host: 'mail.example.com', port, secure, ...(auth === undefined ? {} : { auth }) });
  server.close();
});
