import type { Step } from './tour.ts'

/** What the gateway says of answers with masked values; kubectl prints each warning once. */
export const MASKED: readonly string[] = [
  'secret values in this answer are masked; written back unchanged they stay as they are',
]

const KEY = ['get', 'secret', 'key', '-o', 'jsonpath={.data}'] as const
const SETTINGS = ['get', 'configmap', 'settings', '-o', 'jsonpath={.data}'] as const

const settings = `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  color: red
  password: tr0ub4dor
  database: postgres://app:tr0ub4dor@db.example.com/app
`

const holder = `apiVersion: v1
kind: Pod
metadata:
  name: holder
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: sh
    command: [sh, -c, "true"]
    env:
    - {name: DB_PASSWORD, value: tr0ub4dor}
    - {name: COLOR, value: red}
`

/** Operations that a client makes of what it has read: a test of the value as it was seen, and a change beside it. */
const operations =
  'go-template=[{"op":"test","path":"/data/password","value":"{{.data.password}}"},' +
  '{"op":"add","path":"/metadata/annotations/tested","value":"yes"},' +
  '{"op":"replace","path":"/data/password","value":"{{.data.password}}"}]'

const editor = `sed -i 's/^metadata:$/metadata:\\n  labels: {edited: "yes"}/'`

/**
 * What people do with Secrets and with other objects that hold one: read, change beside it, and write all of it back. The
 * Secret `key` with a password is there, and stays.
 */
export const secretSteps: readonly Step[] = [
  {
    name: 'describe secret',
    args: ['describe', 'secret', 'key'],
    expect: /password: +9 bytes/,
    warns: MASKED,
  },
  {
    name: 'get secret | apply',
    from: ['get', 'secret', 'key', '-o', 'yaml'],
    args: ['apply', '-f', '-'],
    expect: /secret\/key configured/,
    warns: MASKED,
    stored: KEY,
  },
  {
    name: 'get secret | apply again',
    from: ['get', 'secret', 'key', '-o', 'yaml'],
    args: ['apply', '-f', '-'],
    expect: /secret\/key (?:unchanged|configured)/,
    warns: MASKED,
    stored: KEY,
  },
  {
    name: 'get secret | apply --server-side',
    from: [
      'get',
      'secret',
      'key',
      '-o',
      'go-template=apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {password: {{.data.password}}}\n',
    ],
    args: ['apply', '--server-side', '--force-conflicts', '-f', '-'],
    expect: /secret\/key serverside-applied/,
    stored: KEY,
  },
  {
    name: 'get secret | replace',
    from: ['get', 'secret', 'key', '-o', 'json'],
    args: ['replace', '-f', '-'],
    expect: /secret\/key replaced/,
    stored: KEY,
  },
  {
    name: 'edit secret',
    env: { KUBE_EDITOR: editor },
    args: ['edit', 'secret', 'key'],
    expect: /secret\/key edited/,
    warns: MASKED,
    stored: KEY,
  },
  ...(['merge', 'strategic'] as const).map(
    (type): Step => ({
      name: `get secret | patch ${type}`,
      from: ['get', 'secret', 'key', '-o', 'json'],
      args: ['patch', 'secret', 'key', `--type=${type}`, '-p', 'OUTPUT'],
      expect: /patched/,
      warns: MASKED,
      stored: KEY,
    }),
  ),
  {
    name: 'get secret | patch json',
    from: ['get', 'secret', 'key', '-o', operations],
    args: ['patch', 'secret', 'key', '--type=json', '-p', 'OUTPUT'],
    expect: /patched/,
    warns: MASKED,
    stored: KEY,
  },
  {
    name: 'create secret --dry-run=client | apply',
    from: [
      ...['create', 'secret', 'generic', 'key', '--from-literal=password=tr0ub4dor'],
      ...['--from-literal=more=even-more', '--dry-run=client', '-o', 'yaml'],
    ],
    args: ['apply', '-f', '-'],
    expect: /secret\/key configured/,
    warns: MASKED,
    stored: KEY,
  },
  {
    name: 'diff secret',
    from: ['get', 'secret', 'key', '-o', 'yaml'],
    args: ['diff', '-f', '-'],
    expect: /^$/,
    warns: MASKED,
  },
  {
    name: 'apply configmap with a password',
    args: ['apply', '-f', '-'],
    stdin: settings,
    expect: /configmap\/settings created/,
    stored: SETTINGS,
  },
  {
    name: 'describe configmap with a password',
    args: ['describe', 'configmap', 'settings'],
    expect: /postgres:\/\/app:tr0ub4dor@db/,
    warns: MASKED,
  },
  {
    name: 'get configmap | apply',
    from: ['get', 'configmap', 'settings', '-o', 'yaml'],
    args: ['apply', '-f', '-'],
    expect: /configmap\/settings (?:configured|unchanged)/,
    warns: MASKED,
    stored: SETTINGS,
  },
  {
    name: 'edit configmap',
    env: { KUBE_EDITOR: `sed -i 's/^  color: red$/  color: green/'` },
    args: ['edit', 'configmap', 'settings'],
    expect: /configmap\/settings edited/,
    warns: MASKED,
    stored: SETTINGS,
  },
  {
    name: 'get configmap | replace',
    from: ['get', 'configmap', 'settings', '-o', 'yaml'],
    args: ['replace', '-f', '-'],
    expect: /configmap\/settings replaced/,
    stored: SETTINGS,
  },
  ...(['merge', 'strategic'] as const).map(
    (type): Step => ({
      name: `get configmap | patch ${type}`,
      from: ['get', 'configmap', 'settings', '-o', 'json'],
      args: ['patch', 'configmap', 'settings', `--type=${type}`, '-p', 'OUTPUT'],
      expect: /patched/,
      warns: MASKED,
      stored: SETTINGS,
    }),
  ),
  {
    name: 'get configmap | patch json',
    from: ['get', 'configmap', 'settings', '-o', operations],
    args: ['patch', 'configmap', 'settings', '--type=json', '-p', 'OUTPUT'],
    expect: /patched/,
    warns: MASKED,
    stored: SETTINGS,
  },
  {
    name: 'pod with a password',
    args: ['apply', '-f', '-'],
    stdin: holder,
    expect: /created/,
  },
  {
    name: 'wait for pod with a password',
    args: ['wait', 'pod/holder', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s'],
    expect: /condition met/,
    warns: MASKED,
  },
  {
    name: 'describe pod with a password',
    args: ['describe', 'pod', 'holder'],
    expect: /DB_PASSWORD: +tr0ub4dor/,
    warns: MASKED,
  },
  {
    name: 'get all -o yaml',
    args: ['get', 'all', '-o', 'yaml'],
    expect: /value: tr0ub4dor/,
    warns: MASKED,
  },
  {
    name: 'delete pod with a password',
    args: ['delete', 'pod', 'holder'],
    expect: /deleted/,
  },
  {
    name: 'delete configmap with a password',
    args: ['delete', 'configmap', 'settings'],
    expect: /deleted/,
  },
]
