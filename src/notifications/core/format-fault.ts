import { CHANNELS, type Channel } from './channels/catalogue.js';
import type { Format } from './delivery.js';
import { shownKind } from './hook-forms.js';

/** Returns the reason why an action cannot have its format; undefined if it can. */
export function formatFault(action: {
  type: Channel;
  target: string;
  format?: Format;
  template?: string;
}): string | undefined {
  const { type, target, format, template } = action;
  if (!CHANNELS[type].hasFormats)
    return format === undefined ? undefined : 'must be left out: only webhooks have a format';
  const needed = shownKind(target);
  if (needed !== undefined && format !== undefined && format !== needed) return `must be ${needed} for this target`;
  if ((format === 'telegram' || format === 'pagerduty') && needed !== format) {
    const form =
      format === 'telegram'
        ? 'https://api.telegram.org/bot<token>/sendMessage?chat_id=<id>'
        : 'pagerduty:<routing key>';
    return `must not be ${format}: the target is not of the form ${form}`;
  }
  if (format === 'json' && template === undefined) return 'must have a template that makes the JSON';
  return undefined;
}
