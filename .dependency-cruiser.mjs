/**
 * The import table of the architecture, enforced. A module is entered through its index.ts only; arrows go one way.
 * If the product needs another edge, change the table here and in the README first, then the code.
 */
const may = {
  console: [],
  onchain: ['events', 'access'],
  query: ['events', 'realtime', 'access'],
  alerts: ['events', 'notifications', 'access'],
  notifications: ['access'],
  realtime: ['events', 'access'],
  events: ['access'],
  access: [],
};
const modules = Object.keys(may);
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
      from: { path: '^src/', pathNot: `^src/(?:${name}/|app\\.module\\.ts|[^/]+\\.ts$)` },
      to: { path: `^src/${name}/`, pathNot: `^src/${name}/(?:core/)?index\\.ts$` },
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
      name: 'core-is-pure',
      comment: 'core/ folders and platform/input/ are plain TypeScript: no framework, no database, no sockets.',
      severity: 'error',
      from: { path: '^src/(?:[^/]+/core|platform/input)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^node_modules/(?:@nestjs|typeorm|pg|bullmq|ioredis|socket\\.io|ws|express|class-validator|rxjs)' },
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
