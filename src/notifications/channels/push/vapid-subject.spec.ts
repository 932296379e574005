import { expect, it } from 'vitest';
import { vapidSubject } from './vapid-subject.js';

it.each([
  ['https://defi.example', undefined, 'https://defi.example'],
  ['https://defi.example/app/', 'a@b.example', 'https://defi.example'],
  ['http://localhost:8080', 'Ann <ann@defi.example>', 'mailto:ann@defi.example'],
  ['https://localhost', '"Ann, Inc" <ann@defi.example>', 'mailto:ann@defi.example'],
  ['https://10.0.0.1', 'ann@defi.example', 'mailto:ann@defi.example'],
  ['https://rta.internal', 'alerts@localhost', undefined],
  ['http://defi.example', undefined, undefined],
  ['http://localhost:8080', 'Alerts <alerts@mail.local>', undefined],
])('with `PUBLIC_URL` %s and `MAIL_FROM` %s the VAPID contact is %s', (publicUrl, mailFrom, subject) => {
  expect(vapidSubject(publicUrl, mailFrom)).toBe(subject);
});
