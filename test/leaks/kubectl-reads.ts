import { GROUP } from './ways.ts'

/** What kubectl can be asked for, so that secrets could come along. One line: one run. */
export const MOST_KINDS =
  'secrets,configmaps,pods,deployments,replicasets,events,vaults,gadgets,crates,csr,volumeattachments'

const templates = {
  jsonpath:
    '{range .items[*]}{.metadata.name}{"\\t"}{.data}{.spec}{.status}{.message}{.metadata.annotations}{"\\n"}{end}',
  template:
    '{{range .items}}{{range $k, $v := .data}}{{$k}}={{$v}} {{$v | base64decode}}{{"\\n"}}{{end}}{{end}}',
  columns: 'NAME:.metadata.name,DATA:.data,SPEC:.spec,NOTES:.metadata.annotations,LABELS:.metadata.labels',
}

/** Enough to see each way of printing once. */
export const fewReads: readonly (readonly string[])[] = [
  ['get', MOST_KINDS, '-o', 'json', '--show-managed-fields'],
  ['get', MOST_KINDS, '-o', 'yaml'],
  ['get', MOST_KINDS, '-o', 'wide', '--show-labels'],
  ['get', 'gadgets,vaults,crates,events'],
  ['describe', 'secrets,configmaps,pods,deployments,events,gadgets,vaults,crates'],
  ['get', MOST_KINDS, '-o', `jsonpath=${templates.jsonpath}`],
  ['get', 'secrets', '-o', `go-template=${templates.template}`],
  ['get', 'configmaps,gadgets', '-o', `custom-columns=${templates.columns}`],
  ['get', '--raw', '/api/v1/namespaces/leaks/secrets'],
  ['get', '--raw', `/apis/${GROUP}/v1/namespaces/leaks/gadgets`],
  ['logs', 'talker'],
  ['logs', 'talker', '--timestamps', '--prefix', '--tail=4000'],
  ['events'],
  ['get', 'secrets', '-w', '--output-watch-events', '-o', 'json', '--request-timeout=2s'],
  ['get', 'gadgets', '-w', '-o', 'wide', '--request-timeout=2s'],
  ['logs', 'talker', '-f', '--request-timeout=3s'],
]

export const manyReads: readonly (readonly string[])[] = [
  ...fewReads,
  ...['secrets', 'configmaps', 'pods', 'gadgets', 'crates', 'events'].flatMap(kind => [
    ['get', kind, '-o', 'kyaml'],
    ['get', kind, '-o', `jsonpath-as-json={.items[*]}`],
    ['get', kind, '-o', 'name'],
    ['get', kind, '--chunk-size=7', '-o', 'json'],
    ['get', kind, '--sort-by=.metadata.name', '-o', 'yaml'],
    ['get', kind, '--watch', '--request-timeout=2s'],
    ['get', kind, '-w', '-o', 'yaml', '--request-timeout=2s'],
    ['get', kind, '--server-print=false'],
    ['get', kind, '-v=9', '-o', 'json'],
  ]),
  ['get', 'all', '-o', 'yaml'],
  ['get', 'all', '-A', '-o', 'wide'],
  ['describe', 'pod', 'talker'],
  ['set', 'env', 'pods', '--all', '--list'],
  ['set', 'env', 'deployments', '--all', '--list', '--resolve'],
  ['rollout', 'history', 'deployments', '-o', 'yaml'],
  ['apply', 'view-last-applied', 'configmaps', '--all', '-o', 'json'],
  ['apply', 'view-last-applied', 'secrets', '--all'],
  ['cluster-info', 'dump', '--namespaces=leaks'],
  ['cluster-info', 'dump', '--namespaces=leaks', '-o', 'yaml'],
  ['annotate', 'configmaps', '--all', '--list'],
  ['label', 'configmaps', '--all', '--list'],
  ['events', '-o', 'json', '--types=Warning'],
  ['events', '-w', '--request-timeout=2s'],
  ['logs', '--all-containers', '-l', 'suite=leaks', '--tail=-1', '--ignore-errors'],
  ['logs', 'talker', '--limit-bytes=700'],
  ['logs', 'talker', '--since=1h', '--timestamps'],
  ['api-resources', '-o', 'wide'],
  ['explain', 'gadgets.spec'],
  ['auth', 'whoami', '-o', 'yaml'],
  ['auth', 'can-i', '--list'],
  ['get', 'crd', '-o', 'yaml'],
]

/** Writes that change nothing, and answers that show what is there. Names are those of the first of each way. */
export const dryRuns: readonly (readonly string[])[] = [
  ['annotate', 'secret', 'secret-0', 'a=b', '--dry-run=server', '-o', 'yaml'],
  ['label', 'configmap', 'cm-ini-0', 'a=b', '--dry-run=server', '-o', 'json'],
  [
    'patch',
    'secret',
    'secret-0',
    '--type=merge',
    '-p',
    '{"metadata":{"labels":{"a":"b"}}}',
    '--dry-run=server',
    '-o',
    'yaml',
  ],
  [
    'patch',
    'gadget',
    'cr-typed-0',
    '--type=merge',
    '-p',
    '{"spec":{"size":2}}',
    '--dry-run=server',
    '-o',
    'json',
  ],
  [
    'patch',
    'pod',
    'env-0',
    '--type=strategic',
    '-p',
    '{"metadata":{"labels":{"a":"b"}}}',
    '--dry-run=server',
    '-o',
    'yaml',
  ],
  [
    'patch',
    'secret',
    'secret-0',
    '--type=json',
    '-p',
    '[{"op":"add","path":"/metadata/labels/a","value":"b"}]',
    '--dry-run=server',
    '-o',
    'yaml',
  ],
  ['set', 'env', 'deployment/workload-0', 'A=b', '--dry-run=server', '-o', 'yaml'],
  ['scale', 'deployment/workload-0', '--replicas=0', '-o', 'yaml'],
  ['create', 'token', 'default'],
  ['delete', 'secret', 'secret-0', '--dry-run=server'],
  ['rollout', 'restart', 'deployment/workload-0', '-o', 'yaml'],
]
