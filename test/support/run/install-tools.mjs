/**
 * Installs tools that the tests need beyond npm: a browser, an independent Socket.IO client, a PostgreSQL older than the
 * embedded one, Redis, a balancer. Uses apt only for missing tools.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Tools with the suites that need them, a check for their presence, and their Debian packages. */
const TOOLS = [
  {
    name: 'Chromium',
    suites: ['browser'],
    packages: ['chromium'],
    present: () => BROWSERS.some((path) => existsSync(path)),
  },
  {
    name: 'the Socket.IO client of Python',
    suites: ['e2e', 'cluster', 'browser'],
    packages: ['python3-socketio', 'python3-aiohttp', 'python3-requests', 'python3-websocket'],
    present: () => succeeds('/usr/bin/python3', ['-c', 'import socketio, aiohttp, requests, websocket']),
  },
  {
    name: 'a PostgreSQL server from Debian (15 or newer)',
    suites: ['integration', 'postgres-15', 'e2e', 'cluster', 'fault'],
    packages: ['postgresql-15'],
    present: () => globSync('/usr/lib/postgresql/{15,16,17,18}/bin/postgres').length > 0,
  },
  {
    name: 'redis-server (7 or newer)',
    suites: ['contract', 'integration', 'e2e', 'cluster', 'fault'],
    packages: ['redis-server'],
    present: () => succeeds('redis-server', ['--version']),
  },
  {
    name: 'Prometheus with promtool',
    suites: ['e2e'],
    packages: ['prometheus'],
    present: () => succeeds('promtool', ['--version']) && succeeds('prometheus', ['--version']),
  },
  {
    name: 'nginx',
    suites: ['e2e', 'cluster', 'fault'],
    packages: ['nginx'],
    present: () => succeeds('nginx', ['-v']) || succeeds('/usr/sbin/nginx', ['-v']),
  },
  {
    name: 'buildah and mmdebstrap',
    suites: ['image'],
    packages: ['buildah', 'mmdebstrap'],
    present: () => succeeds('buildah', ['--version']) && succeeds('mmdebstrap', ['--version']),
  },
];

function succeeds(command, args, stdio = 'ignore') {
  return spawnSync(command, args, { stdio, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).status === 0;
}

/**
 * Installs missing tools of the named suites; returns an instruction for people if it fails, undefined if all tools are
 * present.
 */
export function installTools(suites) {
  const missing = TOOLS.filter((tool) => tool.suites.some((suite) => suites.includes(suite)) && !tool.present());
  if (missing.length === 0) return undefined;

  const packages = missing.flatMap((tool) => tool.packages);
  const names = missing.map((tool) => tool.name).join(', ');
  const byHand = `The tests need ${names}. Install it first, on Debian: apt-get install ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return byHand;

  console.log(`Installing ${packages.join(' ')}`);
  const install = () =>
    succeeds(
      'apt-get',
      ['install', '-y', '-q', '--no-install-recommends', ...packages],
      ['ignore', 'ignore', 'inherit'],
    );
  // The package lists of a fresh image may be empty or old; they are refreshed only if the installation fails without.
  const installed = install() || (succeeds('apt-get', ['update', '-q']) && install());
  const left = missing.filter((tool) => !tool.present());
  return installed && left.length === 0 ? undefined : `${byHand} (apt-get was tried and did not bring it)`;
}

if (import.meta.main) {
  const problem = installTools(['unit', 'integration', 'e2e', 'fault', 'browser']);
  if (problem) console.error(problem);
  process.exitCode = problem ? 1 : 0;
}
