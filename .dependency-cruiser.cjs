/** A risky package has one importer, so that it can be exchanged or watched in one place. */
const only = (name, importers, path) => ({
  name,
  comment: 'One importer a risky package.',
  severity: 'error',
  from: { path: '^src', pathNot: importers },
  to: { path },
});

/** The architecture of docs/architecture.md as rules, each with its reason. */
module.exports = {
  forbidden: [
    { name: 'no-cycles', comment: 'A cycle has no order in which to read it.', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports is dead.',
      severity: 'error',
      from: { orphan: true, pathNot: ['worker', '\\.d\\.ts$', '^test', '^bench', '^demo'] },
      to: {},
    },
    {
      name: 'planes-are-apart',
      comment: 'The data plane must run without the control plane and the other way round; they share the two messages in store/.',
      severity: 'error',
      from: { path: '^src/data-plane' },
      to: { path: '^src/control-plane' },
    },
    { name: 'planes-are-apart-2', comment: 'As planes-are-apart.', severity: 'error', from: { path: '^src/control-plane' }, to: { path: '^src/data-plane' } },
    {
      name: 'bundle-knows-no-plane',
      comment: 'A bundle is checked by CI without a gateway.',
      severity: 'error',
      from: { path: '^src/bundle' },
      to: { path: '^src/(data-plane|control-plane)' },
    },
    {
      name: 'inside-knows-no-edge',
      comment: 'Domain files know no transport, no process and no settings.',
      severity: 'error',
      from: { path: '^src/(data-plane|control-plane|store|ledger|bundle|telemetry|notify)' },
      to: { path: '^src/(http|cli|composition|app\\.ts|main\\.ts|cli\\.js|settings\\.ts)' },
    },
    {
      name: 'protocol-knows-no-transport',
      comment:
        'The Open Inference Protocol is spoken by the data port, by remote placements and by commands: its messages know tensors and contracts, no sockets.',
      severity: 'error',
      from: { path: '^src/open-inference/' },
      to: {
        pathNot: [
          '^src/open-inference/',
          '^src/data-plane/contract/',
          '^src/bundle/(contract|datatype)\\.ts$',
          '^src/(problem|parse-json)\\.ts$',
          '^(node:)?buffer$',
          'node_modules/zod/',
        ],
      },
    },
    {
      name: 'only-types-of-the-store',
      comment: 'The planes talk to the port; the composition alone chooses a driver.',
      severity: 'error',
      from: { path: '^src/(data-plane|control-plane|http|bundle|telemetry|notify)' },
      to: { path: '^src/store/', pathNot: '^src/store/(traffic-assignment|observation|rollout-store|outcome-store|outbox)\\.ts$' },
    },
    {
      name: 'rehearsal-is-a-root',
      comment: 'It composes a simulated gateway of its own (docs/decisions/0027), so nothing but its command may lean on it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(rehearsal/|cli/rehearse\\.ts$)' },
      to: { path: '^src/rehearsal/' },
    },
    {
      name: 'commands-read-the-ledger',
      comment: 'As only-types-of-the-store; but the ledger of a gateway that does not run is in its file alone, so the ledger commands read that.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/store/', pathNot: '^src/store/(rollout-store|sqlite-ledger-reader)\\.ts$' },
    },
    {
      name: 'ledger-knows-nobody',
      comment: 'The format of the ledger is shared by the store that seals, the commands that verify and the replay: pure, with hashes and zod only.',
      severity: 'error',
      from: { path: '^src/ledger/' },
      to: { pathNot: ['^src/ledger/', '^(node:)?crypto$', 'node_modules/zod/'] },
    },
    {
      name: 'pure-folders',
      comment: 'Decisions are pure functions: no built-ins, no clock, no packages but zod.',
      severity: 'error',
      from: {
        path: '^src/(data-plane/(contract|routing|guards)|control-plane/(analysis|decide\\.ts|plan\\.ts|command\\.ts|position\\.ts|assessment\\.ts)|problem\\.ts)',
      },
      to: {
        pathNot: [
          '^src/(data-plane/(contract|routing|guards)|control-plane/(analysis|decide\\.ts|plan\\.ts|command\\.ts|position\\.ts|assessment\\.ts)|problem\\.ts)',
          '^src/store/(traffic-assignment|observation|rollout-store|outcome-store)\\.ts$',
          '^src/latency-bucket\\.ts$',
          '^src/bundle/(acceptance|contract|datatype|duration|manifest|fault|odcs|outcome-window)\\.ts$',
          'node_modules/zod/',
        ],
      },
    },
    only('express-in-http', '^src/http/', 'node_modules/express/'),
    only('onnxruntime-in-one-file', '^src/data-plane/inference/onnx-session\\.ts$', 'node_modules/onnxruntime'),
    only('opossum-in-one-file', '^src/data-plane/inference/breaker\\.ts$', 'node_modules/opossum/'),
    only('sharp-in-one-file', '^src/data-plane/inference/decode-image\\.ts$', 'node_modules/sharp/'),
    only('prom-client-in-one-file', '^src/telemetry/metrics\\.ts$', 'node_modules/prom-client/'),
    only('opentelemetry-in-one-file', '^src/telemetry/tracing', 'node_modules/@opentelemetry/'),
    only('pino-in-one-file', '^src/telemetry/log\\.ts$', 'node_modules/pino/'),
    only('sample-formats-in-one-file', '^src/cli/read-sample\\.ts$', 'node_modules/(csv-parse|hyparquet)/'),
    only('sqlite-in-one-file', '^src/store/sqlite-', '^(node:)?sqlite$'),
    {
      name: 'calculator-shares-no-code',
      comment: 'The batch calculator proves the wiring of the evidence only as long as nothing of it is made of what it checks.',
      severity: 'error',
      from: { path: '^test/wiring/', pathNot: '^test/wiring/live-run\\.ts$' },
      to: { pathNot: ['^test/wiring/(?!live-run\\.ts)', '^(node:)?(buffer|crypto)$'] },
    },
    {
      name: 'raw-events-are-for-tests',
      comment: 'Raw facts are told on channels to which nothing of the product listens.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/data-plane/observe/raw-events\\.ts$' },
      to: { path: '^(node:)?diagnostics_channel$' },
    },
    {
      name: 'src-knows-no-test',
      comment: 'The product does not lean on its tests.',
      severity: 'error',
      from: { path: '^src' },
      to: { path: '^(test|bench|demo)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
