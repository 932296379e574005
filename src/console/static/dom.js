export const byId = (id) => document.getElementById(id);

/** Builds an element. String children become text nodes, never markup, so that text from the server cannot run as code. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}

/** Writes the text only if it has changed, so that screen readers and the layout are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Makes a group of buttons of which one is pressed; `change` is called with the pressed button's data value. */
export function segmented(group, attribute, change) {
  const buttons = [...group.querySelectorAll('button')];
  group.addEventListener('click', ({ target }) => {
    const chosen = target.closest('button');
    if (!chosen) return;
    for (const button of buttons) button.setAttribute('aria-pressed', String(button === chosen));
    change(chosen.dataset[attribute]);
  });
}
