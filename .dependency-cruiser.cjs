/**
 * The import table of the house. Everything not listed is an error; a room is entered by its index.ts.
 * The key may import the rooms listed, and itself.
 */
const everything = [
  'protocol',
  'plan',
  'platform',
  'pipeline',
  'access',
  'images',
  'artifacts',
  'bundles',
  'machines',
  'networks',
  'power',
  'netboot',
  'operations',
  'clouds',
  'deployments',
];
const table = {
  protocol: [],
  plan: [],
  platform: ['protocol'],
  pipeline: ['plan', 'platform'],
  access: ['platform'],
  images: ['platform'],
  artifacts: ['images', 'pipeline', 'plan', 'platform'],
  bundles: ['plan', 'protocol/ipv4'],
  machines: ['plan', 'platform', 'protocol'],
  networks: ['machines', 'platform', 'protocol'],
  power: ['machines', 'platform', 'protocol'],
  netboot: ['machines', 'networks', 'images', 'access', 'platform', 'protocol'],
  operations: ['machines', 'networks', 'images', 'power', 'pipeline', 'plan', 'platform'],
  clouds: ['operations', 'machines', 'networks', 'images', 'pipeline', 'plan', 'platform', 'protocol'],
  deployments: everything.filter((room) => room !== 'deployments' && room !== 'netboot' && room !== 'access'),
  api: everything,
  web: ['api/contract'],
  cli: ['api/contract', 'protocol/ipv4'],
  lab: ['protocol', 'platform', 'power', 'api/contract'],
};

const roomRules = Object.entries(table).map(([room, allowed]) => ({
  name: `room-${room}`,
  comment: `${room} may import: ${allowed.join(', ') || "Node's own modules"}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: {
    path: '^(src|migrations)/',
    pathNot: [`^src/${room}/`, '^src/error\\.ts$', ...allowed.map((a) => `^src/${a}/`)],
  },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'enter-by-index',
      comment: "Another room (protocol's and platform's folders count as rooms) is entered by its index.ts",
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: '^src/(local)/' },
      to: {
        path: '^src/([^/]+)/',
        pathNot: [
          '^src/$1/',
          '^src/[^/]+/index\\.ts$',
          '^src/(protocol|platform|api)/[^/]+/index\\.ts$',
          '^src/platform/clock\\.ts$',
        ],
      },
    },
    {
      name: 'pure-rooms',
      comment: 'protocol, plan and bundles do no I/O and know no framework; croner is used to reckon times alone',
      severity: 'error',
      from: { path: '^src/(protocol|plan|bundles)/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm'], pathNot: 'node_modules/(croner|yaml|zod)/' },
    },
    ...roomRules,
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.spec\\.ts$' },
  },
};
