import type { Browser, Page } from 'playwright-core';
import axe from 'axe-core';
import { record } from './browser-page.js';

/**
 * Widths, CSS pixels, and colour schemes in which every view must be usable. Accessibility is audited once at each width
 * and once in each scheme, because an audit takes longer than the view.
 */
export const SHAPES = [
  { width: 390, colorScheme: 'light', isAudited: true },
  { width: 390, colorScheme: 'dark', isAudited: false },
  { width: 1920, colorScheme: 'light', isAudited: false },
  { width: 1920, colorScheme: 'dark', isAudited: true },
] as const;

/** Names that must neither run, nor break the layout, nor turn the text around; `long` is as long as the database allows. */
export const HOSTILE = {
  markup: '<img src=x onerror="window.broken=1"><b>Bold & Co</b>',
  long: 'Long'.repeat(50),
  rightToLeft: '\u202Eשלום עולם مرحبا\u202E',
} as const;

/** Opens an address of the console with a key. */
export async function openView(page: Page, url: string, address: string, key: string): Promise<void> {
  await page.goto(`${url}/#${address}${address.includes('?') ? '&' : '?'}key=${key}`);
  await page.locator('#view[aria-busy=false]').waitFor();
}

/** Returns the serious and critical faults of accessibility on a page. */
async function seriousFaults(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in globalThis'))) await page.evaluate(axe.source);
  const found = await page.evaluate<{ id: string; impact: string; nodes: string[] }[]>(`axe.run(document, {
    resultTypes: ['violations'],
  }).then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html }) => html) })))`);
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).join(' ').slice(0, 400)}`);
}

interface ViewsOnTrial {
  readonly browser: Browser;
  readonly url: string;
  readonly key: string;
  readonly shape: (typeof SHAPES)[number];
  /** Address of each view, `/alerts/rules`, with the selector of what is there once the view is complete. */
  readonly views: Readonly<Record<string, string>>;
}

/**
 * Opens views in one shape and returns everything that is wrong: sideways scrolling, errors, foreign hosts, serious faults
 * of accessibility, and markup that ran. With `PICTURES` it writes a picture of each into that folder.
 */
export async function faultsOfViews({ browser, url, key, shape, views }: ViewsOnTrial): Promise<string[]> {
  const { width, colorScheme, isAudited } = shape;
  const faults: string[] = [];
  const context = await browser.newContext({ viewport: { width, height: 1000 }, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const seen = record(page);
  await openView(page, url, Object.keys(views)[0] ?? '/', key);
  for (const [address, ready] of Object.entries(views)) {
    await page.evaluate(`location.hash = ${JSON.stringify(address)}`);
    const isReady = await page
      .locator(ready)
      .first()
      .waitFor()
      .then(
        () => true,
        () => false,
      );
    if (!isReady) faults.push(`${address}: ${ready} is missing in: ${await page.locator('#view').innerText()}`);
    const refused = page.locator('.refusal, .nothing-here');
    const { PICTURES } = process.env;
    const name = address.replaceAll(/[^a-z0-9]+/g, '-');
    if (PICTURES !== undefined)
      await page.screenshot({ path: `${PICTURES}/view${name}-${width}-${colorScheme}.png`, fullPage: true });
    const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
    const problems = [
      ...(await refused.allTextContents()),
      ...(wide > width ? [`is ${wide} px wide`] : []),
      ...(isAudited ? await seriousFaults(page) : []),
    ];
    faults.push(...problems.map((problem) => `${address}: ${problem}`));
  }
  const hosts = [...seen.hosts].filter((host) => host !== new URL(url).host);
  const ran = await page.evaluate('globalThis.broken');
  faults.push(...seen.complaints, ...hosts, ...(ran === undefined ? [] : ['markup ran']));
  await context.close();
  return faults;
}
