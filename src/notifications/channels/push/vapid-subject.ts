import { isIP } from 'node:net';
import { LOCAL_NAMES } from '../../core/egress-policy.js';
import { senderAddress } from '../../../platform/settings/message-settings.js';

/**
 * Returns this service's contact for push services (RFC 8292): a public https origin, otherwise a plain mail address;
 * undefined if there is neither. Apple refuses other contacts, including local names.
 */
export function vapidSubject(publicUrl: string, mailFrom: string | undefined): string | undefined {
  const { protocol, hostname, origin } = new URL(publicUrl);
  if (protocol === 'https:' && isPublicName(hostname)) return origin;
  const address = mailFrom === undefined ? undefined : senderAddress(mailFrom);
  return address !== undefined && isPublicName(address.split('@')[1] ?? '') ? `mailto:${address}` : undefined;
}

function isPublicName(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return isIP(name) === 0 && !name.startsWith('[') && name.includes('.') && !LOCAL_NAMES.test(name);
}
