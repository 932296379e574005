import { controlOf, field, form } from '../kit/form.js';
import { utc } from '../kit/facts.js';
import { openDialog } from '../kit/dialog.js';
import { List, act } from '../kit/list.js';
import { localPages } from '../kit/local-pages.js';
import { sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { el, setText } from '../dom.js';
import { count } from '../format.js';
import { hash } from './form.js';

/** Blocks that the server reads again in one request. */
const MAX_BLOCKS = 1_000_000;
/** Time between two looks at a replay, ms. */
const POLL_MS = 1_000;

const REASONS = { backfill: 'Not read yet', missing: 'Later blocks are stored', paused: 'Paused' };

/** Ranges of blocks whose logs are not stored, each with a button that has them read again. */
export function mountGaps({ root, api, me, signal }) {
  const progress = el('p', { class: 'replay', role: 'status' });
  const button = el('button', { type: 'button', class: 'button', onclick: () => openRange() }, 'Replay a range');
  const note = el('span', { class: 'muted' });
  const gaps = new List({
    label: 'Missing blocks',
    empty: 'No block is missing.',
    read: localPages(async () => (await api.get('/v1/onchain/gaps', {}, signal)).data),
    key: ({ chain, contract, fromBlock }) => `${chain} ${contract} ${fromBlock}`,
    columns: [
      { title: 'Chain', draw: ({ chain }) => chain },
      { title: 'Contract', draw: ({ contract }) => hash(contract) },
      { title: 'Blocks', draw: ({ fromBlock, toBlock }) => `${count(fromBlock)} – ${count(toBlock)}` },
      { title: 'Number', isNumber: true, draw: ({ fromBlock, toBlock }) => count(toBlock - fromBlock + 1) },
      { title: 'Since (UTC)', draw: ({ since }) => utc(since) },
      { title: 'Reason', draw: ({ reason }) => REASONS[reason] ?? reason },
      { title: 'Repair', draw: (gap) => act('replay', 'Replay', () => void replayGap(gap)) },
    ],
  });

  /** Follows a replay until it has ended, or the view has. */
  const follow = async (range) => {
    let replay = await api.send('POST', '/v1/onchain/replay', range, { signal });
    for (;;) {
      const done = replay.nextBlock - replay.fromBlock;
      const total = replay.toBlock - replay.fromBlock + 1;
      const healed = `${count(replay.healed)} logs were missing`;
      if (replay.state === 'done') {
        setText(progress, `Replay of ${replay.chain} is done: ${count(total)} blocks, ${healed}.`);
        return gaps.reload();
      }
      if (replay.state === 'failed') throw new Error(`The replay of ${replay.chain} failed: ${replay.reason}`);
      setText(progress, `Replay of ${replay.chain}: ${count(done)} of ${count(total)} blocks, ${healed}.`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (signal.aborted) return undefined;
      replay = await api.get(`/v1/onchain/replay/${replay.id}`, {}, signal);
    }
  };

  const replayGap = async ({ chain, fromBlock, toBlock }) => {
    try {
      await follow({ chain, fromBlock, toBlock: Math.min(toBlock, fromBlock + MAX_BLOCKS - 1) });
    } catch (error) {
      if (signal.aborted) return;
      setText(progress, sentenceOf(error));
      say(sentenceOf(error), { isProblem: true });
    }
  };

  const openRange = () => {
    const chain = field({ label: 'Chain', pointer: '/chain' });
    const from = field({ label: 'First block', type: 'number', min: 0, pointer: '/fromBlock' });
    const to = field({
      label: 'Last block',
      type: 'number',
      min: 0,
      pointer: '/toBlock',
      hint: 'At most 1,000,000 blocks',
    });
    const value = (node) => controlOf(node).valueAsNumber;
    const range = () => ({ chain: controlOf(chain).value.trim(), fromBlock: value(from), toBlock: value(to) });
    const submit = async () => {
      const asked = range();
      // Refusals belong into the form; what comes later, below the list.
      const replay = await api.send('POST', '/v1/onchain/replay', asked, { signal });
      dialog.close();
      void replayGap(replay);
    };
    const dialog = openDialog({
      title: 'Replay a range',
      signal,
      body: [
        el(
          'p',
          {},
          'Reads the logs of these blocks again. Those that are missing are stored and projected in their place.',
        ),
        form({ fields: [chain, el('div', { class: 'fields' }, from, to)], action: 'Replay', submit }),
      ],
    });
    controlOf(chain).focus();
  };

  root.append(
    el(
      'section',
      { class: 'gaps', 'aria-label': 'Missing blocks' },
      el('div', { class: 'bar' }, el('h2', { class: 'grow' }, 'Missing blocks'), note, button),
      progress,
      gaps.node,
    ),
  );
  void gaps.restart();
  void sayWhoMay();

  async function sayWhoMay() {
    const { role } = await me().catch(() => ({}));
    if (role !== 'reader') return;
    button.disabled = true;
    setText(note, 'Replaying needs a key with the role writer.');
  }
}
