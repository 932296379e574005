import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Files from other packages that the page loads, by their name in the URL. */
const VENDOR: Readonly<Record<string, readonly [specifier: string, file: string, appended?: string]>> = {
  'vendor/socket.io.js': ['socket.io/package.json', 'client-dist/socket.io.esm.min.js'],
  // Only the script that declares a global is published minified, half the size; as a module it needs an export.
  'vendor/uplot.js': ['uplot/package.json', 'dist/uPlot.iife.min.js', 'export default uPlot;'],
  'vendor/uplot.css': ['uplot/package.json', 'dist/uPlot.min.css'],
};

export interface ConsoleFile {
  readonly contentType: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
}

/** Files of the page, stored in memory (under 400 kB), so that no request is ever resolved to a path on disk. */
interface ConsoleFiles {
  /**
   * Digest of all files. It is part of their URLs, so browsers cache them for a year and still load an upgrade at once.
   */
  readonly version: string;
  readonly page: ConsoleFile;
  /** Files by name: `app.js`, `vendor/uplot.js`. */
  readonly assets: ReadonlyMap<string, ConsoleFile>;
}

export function readConsoleFiles(): ConsoleFiles {
  const sources = new Map([...ownSources(), ...vendorSources()]);
  const digest = createHash('sha256');
  for (const [name, body] of sources) digest.update(name).update('\0').update(body);
  const version = digest.digest('hex').slice(0, 12);
  const page = (sources.get('index.html') ?? Buffer.alloc(0))
    .toString()
    .replaceAll('{{assets}}', `/console/${version}`);
  sources.delete('index.html');
  return {
    version,
    page: consoleFile('index.html', Buffer.from(page)),
    assets: new Map([...sources].map(([name, body]) => [name, consoleFile(name, body)])),
  };
}

function ownSources(): [string, Buffer][] {
  const folder = join(import.meta.dirname, 'static');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => extname(name) in CONTENT_TYPES)
    .sort()
    .map((name) => [name, readFileSync(join(folder, name))]);
}

function vendorSources(): [string, Buffer][] {
  const { resolve } = createRequire(import.meta.url);
  return Object.entries(VENDOR).map(([name, [specifier, file, appended = '']]) => {
    const text = readFileSync(join(resolve(specifier), '..', file), 'utf8');
    // Source maps are not served; because of this line, browsers with open developer tools would request them.
    return [name, Buffer.from(text.replace(/^\/\/# sourceMappingURL=.*$/m, '') + appended)];
  });
}

function consoleFile(name: string, body: Buffer): ConsoleFile {
  return { contentType: CONTENT_TYPES[extname(name)] ?? 'application/octet-stream', body, gzipped: gzipSync(body) };
}
