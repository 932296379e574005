import { createECDH, createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errorCode } from '../errors/error-code.js';
import { url } from './setting.js';

const ADDRESS = /^[^\s@<>,;:"]{1,64}@[^\s@<>,;:"]{1,189}$/;
const NAMED = /^([^<>]{0,100})<([^<>]{1,254})>$/;
const P256_POINT_BYTES = 65;
const P256_SCALAR_BYTES = 32;
const BASE64URL = /^[\w-]+={0,2}$/;

/** Returns the mail address of a sender with or without a name (`Alerts <alerts@example.com>`); undefined if it has none. */
export function senderAddress(sender: string): string | undefined {
  const address = (NAMED.exec(sender)?.[2] ?? sender).trim();
  return ADDRESS.test(address) ? address : undefined;
}

export function mailSender(input: string): string {
  if (senderAddress(input) !== undefined) return input;
  throw new Error('expected an address such as alerts@example.com or Alerts <alerts@example.com>');
}

/** Parses the address of an operator: of a mailbox, or of a receiver of webhooks. */
export function operatorTarget(input: string): string {
  if (URL.canParse(input)) {
    const { protocol, pathname } = new URL(input);
    if (protocol === 'https:' || (protocol === 'mailto:' && senderAddress(pathname) !== undefined)) return input;
  }
  throw new Error('expected addresses such as mailto:ops@example.com or https://example.com/hook');
}

/** Parses the URL of a mail server; refuses a URL without a host. */
export function mailServer(input: string): string {
  const parsed = new URL(url('smtp', 'smtps')(input));
  if (parsed.hostname !== '') return input;
  throw new Error('expected a URL such as smtp://user:password@mail.example.com:587');
}

/** Validates the path of a service account's JSON file, whose private key must be able to sign. */
export function serviceAccountFile(file: string): string {
  const account = readJson(file);
  for (const name of ['project_id', 'client_email', 'private_key']) {
    if (typeof account[name] !== 'string') throw new Error(`expected a service account; the file has no ${name}`);
  }
  try {
    sign('RSA-SHA256', Buffer.from('a trial'), createPrivateKey(String(account['private_key'])));
  } catch (cause) {
    throw new Error('expected a service account whose private_key is an RSA key in PEM form', { cause });
  }
  return file;
}

function readJson(file: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof parsed === 'object' && parsed !== null) return { ...parsed };
  } catch (error) {
    const code = errorCode(error);
    if (code !== '') throw new Error(`the file cannot be read: ${code}`, { cause: error });
  }
  throw new Error('expected the JSON file of a service account');
}

export function vapidPublicKey(input: string): string {
  return key(input, P256_POINT_BYTES);
}

export function vapidPrivateKey(input: string): string {
  return key(input, P256_SCALAR_BYTES);
}

function key(input: string, bytes: number): string {
  if (BASE64URL.test(input) && Buffer.from(input, 'base64url').length === bytes) return input;
  throw new Error(`expected ${bytes} bytes in base64url, as web-push generate-vapid-keys prints them`);
}

/** Whether a public and a private key form a pair. */
export function isVapidPair(publicKey: string, privateKey: string): boolean {
  try {
    const curve = createECDH('prime256v1');
    curve.setPrivateKey(Buffer.from(privateKey, 'base64url'));
    return curve.getPublicKey().equals(Buffer.from(publicKey, 'base64url'));
  } catch {
    return false;
  }
}
