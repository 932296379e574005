import { el, setText } from '../dom.js';
import { moment } from '../format.js';
import { isConfirmed, openDialog } from '../kit/dialog.js';
import { controlOf, field, form } from '../kit/form.js';
import { List, act } from '../kit/list.js';
import { sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { linkTo } from '../links.js';
import { browserState, forgetBrowser } from './this-browser.js';

const CHANNELS = { email: 'E-mail', webhook: 'Webhook', push: 'Push' };
const KINDS = { active: 'good', pending: 'warn', disabled: 'bad' };
const HOW = {
  email: 'The mail that was sent has a link, which does the same.',
  webhook: 'The code is in the request that was posted to the address.',
  push: 'The code is in the notification on the device.',
};

/** Where alerts go: confirmation of targets, signing secrets of webhooks, and this browser. */
export function mount({ root, api, signal }) {
  const list = new List({
    label: 'Targets',
    empty: [
      el('p', {}, 'No target yet. A target is added with the first rule that tells it.'),
      el('p', {}, el('a', { href: linkTo(['alerts', 'rules', 'new']) }, 'Make a rule')),
    ],
    key: ({ id }) => id,
    read: () => api.get('/v1/notifications/targets', {}, signal),
    columns: [
      { title: 'Channel', draw: ({ channel }) => CHANNELS[channel] },
      { title: 'Target', draw: ({ target }) => target },
      { title: 'State', draw: stateCell },
      { title: 'Failures', draw: ({ failures }) => failures, isNumber: true },
      { title: 'Do', draw: (target) => el('div', { class: 'actions' }, ...actions(target)) },
    ],
  });
  const actions = ({ id, channel, status, target }) => {
    const path = `/v1/notifications/targets/${id}`;
    const prove = async () => {
      try {
        await api.send('POST', `${path}/verify`);
        say('A new proof was sent');
      } catch (error) {
        say(sentenceOf(error), { isProblem: true });
      }
      await list.reload();
    };
    const again = act('verify', status === 'active' ? 'Prove again' : 'Send proof', () => void prove());
    if (status === 'active')
      return channel === 'webhook' ? [act('secret', 'New secret', () => void rotate(target))] : [];
    return [act('confirm', 'Enter code', () => enterCode(path, channel)), again];
  };
  const enterCode = (path, channel) => {
    const code = field({
      label: 'Code',
      hint: HOW[channel],
      pointer: '/code',
      inputmode: 'numeric',
      autocomplete: 'one-time-code',
    });
    const submit = async () => {
      await api.send('POST', `${path}/confirm`, { code: controlOf(code).value.trim() });
      dialog.close();
      say('Confirmed; alerts go there now');
      await list.reload();
    };
    const dialog = openDialog({
      title: 'Confirm the target',
      signal,
      body: [form({ fields: [code], action: 'Confirm', submit })],
    });
    controlOf(code).focus();
  };
  const rotate = async (target) => {
    const text = `Requests to ${target} are signed with both secrets for a while, then with the new one.`;
    if (!(await isConfirmed({ title: 'Make a new signing secret?', text, action: 'Make it', signal }))) return;
    try {
      const { secret } = await api.send('POST', '/v1/notifications/webhook-secrets/rotate', { target });
      openDialog({
        title: 'Signing secret',
        signal,
        body: [el('p', {}, 'It is shown only now.'), el('pre', { class: 'code' }, secret)],
      });
    } catch (error) {
      say(sentenceOf(error), { isProblem: true });
    }
  };
  root.append(thisBrowser(signal), list.node);
  const timer = setInterval(() => document.hidden || list.reload(), 5_000);
  signal.addEventListener('abort', () => clearInterval(timer));
  void list.reload();
}

function stateCell({ status, reason, detail, pausedUntil, verifiedAt }) {
  const more = [reason, detail, pausedUntil && `paused until ${moment(new Date(pausedUntil))}`];
  const since = status === 'active' && verifiedAt ? `since ${moment(new Date(verifiedAt))}` : '';
  return el(
    'span',
    { class: 'cell' },
    el('span', { class: `tag ${KINDS[status]}` }, status),
    el('span', { class: 'muted', dir: 'auto' }, ` ${[...more, since].filter(Boolean).join(', ')}`),
  );
}

/** Says whether this browser receives alerts, and ends it. */
function thisBrowser(signal) {
  const text = el('p', { class: 'grow' }, '…');
  const stop = el('button', { type: 'button', class: 'button', hidden: true }, 'Stop here');
  const node = el('section', { class: 'panel pad bar', 'aria-label': 'This browser' }, text, stop);
  const show = async () => {
    const { state, sentence } = await browserState();
    if (signal.aborted) return;
    setText(text, sentence);
    stop.hidden = state !== 'subscribed';
  };
  stop.addEventListener('click', async () => {
    await forgetBrowser();
    say('This browser receives no alerts any more');
    await show();
  });
  void show();
  return node;
}
