import { el } from '../dom.js';
import { controlOf, field, form } from '../kit/form.js';
import { refusal } from '../kit/refusal.js';
import { say } from '../kit/say.js';

const CHANNELS = { email: 'E-mail', webhook: 'Webhooks', push: 'Push' };
const DAYS = { mon: 'Mon', tue: 'Tue', wed: 'Wed', thu: 'Thu', fri: 'Fri', sat: 'Sat', sun: 'Sun' };

/** Channels, quiet hours and digest of the user, each with a time zone; the browser's is proposed. */
export async function mount({ root, api, signal }) {
  let stored;
  try {
    stored = await api.get('/v1/alerts/preferences', {}, signal);
  } catch (error) {
    if (!signal.aborted) root.append(refusal(error));
    return;
  }
  const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = el(
    'datalist',
    { id: 'zones' },
    ...Intl.supportedValuesOf('timeZone').map((zone) => el('option', { value: zone })),
  );
  const { quietHours: quiet, digest, channels, unsubscribed, unsubscribedAddresses } = stored;

  const switches = mapped(CHANNELS, (label, name) =>
    field({ label, type: 'checkbox', value: channels[name], pointer: `/channels/${name}` }),
  );
  const isQuiet = field({
    label: 'Quiet hours: messages wait until they end',
    type: 'checkbox',
    value: quiet !== null,
  });
  const hours = {
    start: field({ label: 'From', type: 'time', value: quiet?.start ?? '22:00', pointer: '/quietHours/start' }),
    end: field({ label: 'To', type: 'time', value: quiet?.end ?? '07:00', pointer: '/quietHours/end' }),
    timezone: field({
      label: 'Time zone',
      list: 'zones',
      value: quiet?.timezone ?? ownZone,
      pointer: '/quietHours/timezone',
    }),
  };
  const days = mapped(DAYS, (label, name) =>
    field({ label, type: 'checkbox', value: quiet?.days?.includes(name) ?? true }),
  );
  const critical = field({
    label: 'Critical alerts come through',
    type: 'checkbox',
    value: quiet?.allowCritical ?? true,
  });
  const every = field({
    label: 'Digest of mails',
    type: 'select',
    value: digest?.every ?? '',
    options: [
      ['', 'none, each mail on its own'],
      ['hour', 'every hour'],
      ['day', 'once a day'],
    ],
    pointer: '/digest/every',
  });
  const at = field({ label: 'At', type: 'time', value: digest?.at ?? '08:00', pointer: '/digest/at' });
  const zone = field({
    label: 'Time zone',
    list: 'zones',
    value: digest?.timezone ?? ownZone,
    pointer: '/digest/timezone',
  });
  const isUnsubscribed = field({
    label: 'Unsubscribed: send me nothing at all',
    type: 'checkbox',
    value: unsubscribed,
  });

  const text = (node) => controlOf(node).value;
  const isOn = (node) => controlOf(node).checked;
  const read = () => ({
    channels: mapped(switches, isOn),
    quietHours: isOn(isQuiet)
      ? {
          ...mapped(hours, text),
          days: Object.keys(DAYS).filter((name) => isOn(days[name])),
          allowCritical: isOn(critical),
        }
      : null,
    digest:
      text(every) === ''
        ? null
        : { every: text(every), timezone: text(zone), ...(text(every) === 'day' ? { at: text(at) } : {}) },
    unsubscribed: isOn(isUnsubscribed),
    unsubscribedAddresses,
  });
  const group = (title, ...nodes) => el('fieldset', {}, el('legend', {}, title), ...nodes);
  const quietFields = el(
    'div',
    { class: 'form' },
    el('div', { class: 'fields' }, ...Object.values(hours)),
    el('div', { class: 'days' }, ...Object.values(days)),
    critical,
  );
  const digestFields = el('div', { class: 'fields' }, at, zone);
  const reveal = () => {
    quietFields.hidden = !isOn(isQuiet);
    digestFields.hidden = text(every) === '';
    at.hidden = text(every) !== 'day';
  };
  const node = form({
    fields: [
      group('Channels', el('div', { class: 'days' }, ...Object.values(switches))),
      group('Quiet hours', isQuiet, quietFields),
      group('Digest', every, digestFields),
      group('All messages', isUnsubscribed),
      zones,
    ],
    action: 'Save preferences',
    submit: async () => {
      await api.send('PUT', '/v1/alerts/preferences', read());
      say('Preferences saved');
    },
  });
  node.addEventListener('change', reveal);
  reveal();
  root.append(el('section', { class: 'panel pad preferences', 'aria-label': 'Preferences' }, node));
}

const mapped = (entries, change) =>
  Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, change(value, name)]));
