import { byId } from './dom.js';

const NAME = 'defi-realtime-scheme';
const dark = matchMedia('(prefers-color-scheme: dark)');

/** Uses the system's colour scheme until the reader chooses one. */
export function startColorScheme(changed) {
  const apply = () => {
    const scheme = localStorage.getItem(NAME) ?? (dark.matches ? 'dark' : 'light');
    document.documentElement.dataset.scheme = scheme;
    byId('theme').setAttribute('aria-label', `Use the ${scheme === 'dark' ? 'light' : 'dark'} scheme`);
    changed();
  };
  byId('theme').addEventListener('click', () => {
    localStorage.setItem(NAME, document.documentElement.dataset.scheme === 'dark' ? 'light' : 'dark');
    apply();
  });
  dark.addEventListener('change', apply);
  apply();
}
