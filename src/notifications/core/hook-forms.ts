import { createHash } from 'node:crypto';

/** Services whose incoming hooks need no proof: their URL is known only to people who were given it. */
type HookKind = 'slack' | 'discord' | 'teams' | 'telegram' | 'pagerduty';

/** URL of a hook, and the part of it that may be shown. */
interface Hook {
  kind: HookKind;
  /** URL with `…last4` in place of its secret part. */
  shown: string;
}

/** Character in place of the hidden part of a URL; no URL contains it. */
export const HIDDEN = '…';
const FORMS: readonly { kind: HookKind; form: RegExp }[] = [
  {
    kind: 'slack',
    form: /^(https:\/\/hooks\.slack\.com\/(?:services|triggers|workflows)\/(?:[^/?#]+\/){0,4})([^/?#]+)()$/,
  },
  {
    kind: 'discord',
    form: /^(https:\/\/(?:\w{1,30}\.)?discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/\d{1,25}\/)([\w-]{1,200})((?:[^\w#-][^#]*)?)$/,
  },
  {
    kind: 'telegram',
    form: /^(https:\/\/api\.telegram\.org\/bot)(\d{1,20}:[\w-]{1,100})(\/sendMessage\?chat_id=(?:@\w{1,64}|%40\w{1,64}|-?\d{1,20})(?:&message_thread_id=\d{1,20})?)$/,
  },
  { kind: 'pagerduty', form: /^(pagerduty:)([A-Za-z0-9]{20,64})()$/ },
  {
    kind: 'teams',
    form: /^(https:\/\/[\w.-]{1,200}\.(?:webhook\.office\.com|logic\.azure\.com|powerplatform\.com)(?::443)?\/)([^#]+)()$/,
  },
];
/** Number of characters of a secret that are shown; more are shown if two secrets of one user end the same. */
export const SHOWN_CHARACTERS = 4;
const SHORT = 12;

/**
 * Returns the hook if the URL is one of a known service, with `shown` characters of its secret; undefined for other URLs.
 */
export function hookOf(address: string, shown = SHOWN_CHARACTERS): Hook | undefined {
  for (const { kind, form } of FORMS) {
    const [, before = '', secret = '', after = ''] = form.exec(address) ?? [];
    if (secret !== '') return { kind, shown: `${before}${HIDDEN}${ending(secret, shown)}${after}` };
  }
  return undefined;
}

/**
 * Returns the last characters of a secret. For a short secret, which would nearly be revealed, it returns characters of a
 * hash.
 */
function ending(secret: string, shown: number): string {
  if (secret.length >= SHORT) return secret.slice(-shown);
  return createHash('sha256').update(secret).digest('hex').slice(0, shown);
}

/** Returns the service of a target in its shown form; undefined for a user's own endpoint. */
export function shownKind(target: string): HookKind | undefined {
  if (target.startsWith('pagerduty:')) return 'pagerduty';
  if (target.startsWith('https://api.telegram.org/bot')) return 'telegram';
  return undefined;
}
