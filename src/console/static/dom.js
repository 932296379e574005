export const byId = (id) => document.getElementById(id);

/** Builds an element. Children that are strings become text nodes, never markup: text of the server is shown, not run. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}

/** Writes only changed text, so that screen readers and the layout are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Makes a group of buttons of which one is pressed; `change` gets its data value. */
export function segmented(group, attribute, change) {
  const buttons = [...group.querySelectorAll('button')];
  group.addEventListener('click', ({ target }) => {
    const chosen = target.closest('button');
    if (!chosen) return;
    for (const button of buttons) button.setAttribute('aria-pressed', String(button === chosen));
    change(chosen.dataset[attribute]);
  });
}
