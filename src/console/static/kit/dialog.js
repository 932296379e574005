import { el } from '../dom.js';

/**
 * Opens a modal dialog. `body` is a list of nodes or texts; Esc and the close button end it, and so does `signal`. The
 * focus returns to where it was. Returns the dialog with its `close`.
 */
export function openDialog({ title, body, signal, closed }) {
  const dialog = el(
    'dialog',
    { class: 'dialog', 'aria-label': title },
    el(
      'header',
      {},
      el('h2', { dir: 'auto' }, title),
      el('button', { type: 'button', class: 'icon-button', 'aria-label': 'Close', onclick: () => dialog.close() }, '×'),
    ),
    el('div', { class: 'dialog-body' }, ...body),
  );
  const before = document.activeElement;
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
    closed?.();
  });
  signal?.addEventListener('abort', () => dialog.close(), { once: true });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks once before something is destroyed; true if the answer is yes. The harmless answer has the focus. */
export function isConfirmed({ title, text, action, signal }) {
  return new Promise((resolve) => {
    let answer = false;
    const cancel = el('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Cancel');
    const agree = () => {
      answer = true;
      dialog.close();
    };
    const dialog = openDialog({
      title,
      signal,
      closed: () => resolve(answer),
      body: [
        el('p', { dir: 'auto' }, text),
        el(
          'div',
          { class: 'actions' },
          cancel,
          el('button', { type: 'button', class: 'button danger', onclick: agree }, action),
        ),
      ],
    });
    cancel.focus();
  });
}
