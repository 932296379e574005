import { readdirSync } from 'node:fs';

/**
 * The import table of the architecture, enforced. A module is entered through its index.ts only; arrows go one way.
 * If the product needs another edge, change the table here and in the README first, then the code.
 */
const may = {
  client: [],
  'client-files': [],
  console: [],
  operations: [],
  onchain: ['events', 'notifications', 'access'],
  query: ['events', 'realtime', 'access'],
  alerts: ['events', 'notifications', 'access'],
  notifications: ['access'],
  realtime: ['events', 'access'],
  events: ['access'],
  access: [],
};
const modules = Object.keys(may);

/**
 * Rooms of each folder, lowest first: a room may import the rooms before it and none after it, so no circle of folders is
 * possible, not even of types. A new room gets its place here.
 */
const rooms = {
  access: ['audit', 'limits', 'guard', 'keys', 'tokens', 'admin', 'cli'],
  alerts: ['core', 'messages', 'preferences', 'rules', 'evaluation', 'history', 'backtest', 'templates'],
  'alerts/core': ['structures', 'rule', 'index', 'market', 'table', 'judge'],
  events: [
    'core',
    'log',
    'dead-letters',
    'feed',
    'capture',
    'hot-cache',
    'broker',
    'history',
    'ingest',
    'lookups',
    'sources',
  ],
  'events/lookups': ['values', 'protocols', 'markets', 'events'],
  'events/sources': ['defillama', 'sample'],
  notifications: ['core', 'egress', 'templates', 'channels', 'deliveries', 'targets', 'preferences', 'operators'],
  'notifications/core': ['channels'],
  'notifications/channels': ['email', 'push', 'webhook'],
  onchain: [
    'core',
    'config',
    'sample',
    'rpc',
    'store',
    'projector',
    'points',
    'follower',
    'ingest',
    'repair',
    'monitoring',
    'lookups',
  ],
  'onchain/core': ['model', 'decode', 'chain', 'points', 'project'],
  platform: [
    'clock',
    'errors',
    'fairness',
    'input',
    'request',
    'metrics',
    'loop',
    'settings',
    'database',
    'workers',
    'http',
    'logging',
    'process',
    'redis',
    'health',
    'queue',
    'secrets',
  ],
  'platform/database': ['embedded'],
  'platform/http': ['bodies', 'connections', 'paging'],
  query: ['core', 'execution', 'cache', 'compat', 'live'],
  'query/core': ['parse', 'plan', 'sql', 'result'],
  realtime: ['core', 'asyncapi', 'registry', 'resume', 'transports', 'management'],
  'realtime/core': ['wire', 'filter', 'session', 'request'],
  'realtime/transports': ['admission', 'sending', 'socketio', 'sse', 'websocket'],
};
for (const [folder, names] of Object.entries(rooms)) {
  const found = readdirSync(new URL(`src/${folder}/`, import.meta.url), { withFileTypes: true });
  const unlisted = found.find((entry) => entry.isDirectory() && !names.includes(entry.name));
  if (unlisted) throw new Error(`src/${folder}/${unlisted.name} has no place among the rooms of src/${folder}.`);
}

/**
 * Files beside rooms that the rooms may import: types, functions and interfaces that several rooms share. All other files
 * beside rooms are above them: they import the rooms, and no room imports them.
 */
const besideRooms = [
  'access/(?:access-events|access\\.service|api-key-text|caller|credentials|current-caller\\.decorator)',
  'alerts/core/(?:market-row|saved-state|transition)',
  'events/lookups/(?:list\\.dto|query-values)',
  'events/sources/source-feed',
  'notifications/channels/(?:http-outcome|notification-channel)',
  'notifications/core/(?:hook-forms|turnstile)',
  'platform/database/connection-options',
  'platform/http/fields',
  'query/core/(?:ast|chain-datasets|dataset-fields|datasets|limits|time)',
  'query/query\\.module',
];
const either = (names) => `(?:${names.join('|')})`;

export default {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'A cycle hides which part depends on which. Type-only edges are exempt.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    ...modules.map((name) => ({
      name: `${name}-imports`,
      comment: `${name} may import platform${may[name].map((m) => `, ${m}`).join('')}, and nothing else of src.`,
      severity: 'error',
      from: { path: `^src/${name}/` },
      to: { path: '^src/', pathNot: `^src/${either([name, 'platform', ...may[name]])}/` },
    })),
    ...modules.map((name) => ({
      name: `${name}-through-its-index`,
      comment: `Other modules enter ${name} through src/${name}/index.ts, or its core, which loads nothing but core, through src/${name}/core/index.ts.`,
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(?:${name}/|commands/|[^/]+\\.ts$)` },
      to: { path: `^src/${name}/`, pathNot: `^src/${name}/(?:core/)?index\\.ts$` },
    })),
    ...Object.entries(rooms).flatMap(([folder, names]) =>
      names.slice(0, -1).map((name, at) => ({
        name: `${folder.replaceAll('/', '-')}-${name}-below-later-rooms`,
        comment: `src/${folder}/${name} may import the rooms before it: ${names.slice(0, at).join(', ') || 'none'}.`,
        severity: 'error',
        from: { path: `^src/${folder}/${name}/`, pathNot: '\\.spec\\.ts$' },
        to: { path: `^src/${folder}/${either(names.slice(at + 1))}/` },
      })),
    ),
    ...Object.keys(rooms).map((folder) => ({
      name: `${folder.replaceAll('/', '-')}-rooms-below-files-beside-them`,
      comment: 'A file beside rooms imports them; a room imports none of these files but the few in `besideRooms`.',
      severity: 'error',
      from: { path: `^src/${folder}/[^/]+/`, pathNot: '\\.spec\\.ts$' },
      to: { path: `^src/${folder}/[^/]+\\.ts$`, pathNot: `^src/${either(besideRooms)}\\.ts$` },
    })),
    {
      name: 'alerts-core-loads-core-only',
      comment:
        'The evaluator runs without the rest of the app: in benches, in workers, wherever rules are to be judged.',
      severity: 'error',
      from: { path: '^src/alerts/core/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^src/', pathNot: '^src/(?:[^/]+/core|platform/input)/' },
    },
    {
      name: 'platform-imports-no-product',
      comment: 'platform/ is technology without product words.',
      severity: 'error',
      from: { path: '^src/platform/' },
      to: { path: `^src/${either(modules)}/` },
    },
    {
      name: 'client-stands-alone',
      comment: 'The client runs in browsers and is packed alone: it imports nothing but itself.',
      severity: 'error',
      from: { path: '^src/client/', pathNot: '\\.(?:spec\\.ts|mjs)$' },
      to: { pathNot: '^src/client/' },
    },
    {
      name: 'core-is-pure',
      comment: 'core/ folders and platform/input/ are plain TypeScript: no framework, no database, no sockets.',
      severity: 'error',
      from: { path: '^src/(?:[^/]+/core|platform/input)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^node_modules/(?:@nestjs|typeorm|pg|bullmq|ioredis|socket\\.io|ws|express|class-validator|rxjs)' },
    },
    {
      name: 'commands-are-loaded-by-main-only',
      comment: 'A command is a program of its own: its parts that others need belong to the modules.',
      severity: 'error',
      from: { path: '^(?:src|migrations)/', pathNot: '^src/(?:main\\.ts$|commands/)' },
      to: { path: '^src/commands/' },
    },
    {
      name: 'src-never-imports-test',
      comment: 'The product does not know its tests; specs beside the code may use test/support.',
      severity: 'error',
      from: { path: '^(?:src|migrations)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^test/' },
    },
    {
      name: 'migrations-are-frozen',
      comment: 'A migration must not change when the code does: it imports nothing from src.',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '^src/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
