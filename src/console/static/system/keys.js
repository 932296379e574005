import { isConfirmed, openDialog } from '../kit/dialog.js';
import { facts, utc } from '../kit/facts.js';
import { controlOf, field, form } from '../kit/form.js';
import { List, act } from '../kit/list.js';
import { el } from '../dom.js';
import { go } from '../links.js';
import { fieldSet, showOutcome } from './parts.js';

const PATH = '/v1/admin/api-keys';
const names = (list) => list.map((name) => [name, name]);
const ROLES = names(['reader', 'writer', 'admin']);
const TIERS = names(['free', 'pro', 'enterprise']);
const STATES = names(['active', 'expired', 'revoked']);
const TAGS = { active: 'good', expired: 'warn', revoked: 'bad' };
const ANY = ['', 'All'];

/** Keys: found by user, role, tier and state; made, rotated and revoked. A key is shown once, when it is made. */
export function mount({ root, api, signal }, route) {
  const filters = fieldSet({
    userId: { label: 'User', maxlength: 255 },
    role: { label: 'Role', type: 'select', options: [ANY, ...ROLES] },
    tier: { label: 'Tier', type: 'select', options: [ANY, ...TIERS] },
    state: { label: 'State', type: 'select', options: [ANY, ...STATES] },
  });
  const list = new List({
    label: 'Keys',
    empty: 'No key answers these filters.',
    read: ({ cursor, limit }) => api.get(PATH, { ...filters.given(), cursor, limit }, signal),
    key: ({ id }) => id,
    open: (key) => openKey(key),
    columns: [
      { title: 'Id', draw: ({ id }) => id },
      { title: 'User', draw: ({ userId }) => userId },
      { title: 'Name', draw: ({ name }) => name },
      { title: 'Role', draw: ({ role }) => role },
      { title: 'Tier', draw: ({ tier }) => tier },
      { title: 'State', draw: ({ state }) => el('span', { class: `tag ${TAGS[state]}` }, state) },
      { title: 'Expires (UTC)', draw: ({ expiresAt }) => utc(expiresAt, 'never') },
    ],
  });

  const showSecret = (title, key) => {
    const copy = act('copy', 'Copy', () => void showOutcome(() => navigator.clipboard.writeText(key), 'Copied.'));
    openDialog({
      title,
      signal,
      body: [
        el('p', {}, 'It is shown only now; the server keeps no copy.'),
        el('pre', { class: 'code', tabindex: '0' }, key),
        copy,
      ],
    });
  };

  const openKey = (key) => {
    const path = `${PATH}/${encodeURIComponent(key.id)}`;
    const overlap = field({
      label: 'The old key stays valid for, seconds',
      type: 'number',
      min: 0,
      max: 2_592_000,
      value: 3_600,
      pointer: '/overlapSeconds',
      hint: '0 to 2,592,000 (30 days)',
    });
    const rotate = form({
      fields: [overlap],
      action: 'Rotate',
      submit: async () => {
        const body = { overlapSeconds: controlOf(overlap).valueAsNumber };
        const made = await api.send('POST', `${path}/rotate`, body, { signal });
        dialog.close();
        showSecret('The new key', made.key);
        await list.reload();
      },
    });
    const revoke = async () => {
      const text = `Key ${key.id} of ${key.userId} stops working at once, and its connections end.`;
      if (!(await isConfirmed({ title: 'Revoke this key?', text, action: 'Revoke', signal }))) return;
      await showOutcome(async () => {
        await api.send('DELETE', path, undefined, { signal });
        dialog.close();
        await list.reload();
      }, 'The key was revoked.');
    };
    const limits = Object.entries(key.limits).map(([name, value]) => `${name}: ${value === 0 ? 'none' : value}`);
    const dialog = openDialog({
      title: `Key ${key.id}`,
      signal,
      body: [
        facts({
          User: key.userId,
          Name: key.name || 'none',
          Role: key.role,
          Tier: key.tier,
          State: key.state,
          Subscriptions: key.subscriptionTypes?.join(', ') ?? 'all',
          Transports: key.transports?.join(', ') ?? 'all',
          'Own limits': limits.join('; ') || 'those of the tier',
          'Made (UTC)': `${utc(key.createdAt)} by ${key.createdBy}`,
          'Expires (UTC)': utc(key.expiresAt, 'never'),
          'Rotated to': key.rotatedTo ?? 'not rotated',
        }),
        ...(key.state === 'active'
          ? [
              rotate,
              el(
                'div',
                { class: 'actions' },
                act('revoke', 'Revoke', () => void revoke(), 'danger'),
              ),
            ]
          : []),
      ],
    });
  };

  const openNew = () => {
    const fields = {
      userId: field({ label: 'User', maxlength: 255, pointer: '/userId' }),
      name: field({ label: 'Name', maxlength: 200, pointer: '/name' }),
      role: field({ label: 'Role', type: 'select', options: ROLES, value: 'reader', pointer: '/role' }),
      tier: field({ label: 'Tier', type: 'select', options: TIERS, value: 'free', pointer: '/tier' }),
      expiresAt: field({
        label: 'Expires',
        placeholder: 'never',
        pointer: '/expiresAt',
        hint: 'ISO 8601 with zone; empty: never',
      }),
    };
    const submit = async () => {
      const value = (name) => controlOf(fields[name]).value.trim();
      const body = {
        userId: value('userId'),
        name: value('name'),
        role: value('role'),
        tier: value('tier'),
        expiresAt: value('expiresAt') || null,
      };
      const made = await api.send('POST', PATH, body, { signal });
      dialog.close();
      showSecret('The new key', made.key);
      await list.restart();
    };
    const dialog = openDialog({
      title: 'New key',
      signal,
      body: [form({ fields: Object.values(fields), action: 'Make', submit })],
    });
    controlOf(fields.userId).focus();
  };

  filters.node.addEventListener('change', () => go(['system', 'keys'], filters.given()));
  root.append(
    el('div', { class: 'bar' }, el('div', { class: 'grow' }, filters.node), act('new', 'New key', openNew, 'primary')),
    list.node,
  );
  const show = ({ query }) => {
    filters.set(query);
    void list.restart();
  };
  show(route);
  return { show };
}
