import { MASKED, secretSteps } from './tour-secrets.ts'

/**
 * One step of the tour of unchanged kubectl: what is typed, and what it reads on standard input. The word NAMESPACE
 * stands for the namespace of the run, also where a name must be the run's own in the whole cluster.
 */
export interface Step {
  readonly name: string
  readonly args: readonly string[]
  readonly stdin?: string
  /** Another kubectl on the same side, whose output is standard input, or the argument OUTPUT where there is one. */
  readonly from?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Read directly in both namespaces afterwards: what is stored is the same, to the letter. */
  readonly stored?: readonly string[]
  /** Part of standard output that must be there: a step that fails equally on both sides proves nothing. */
  readonly expect: RegExp
  /** Exit code; default 0. */
  readonly code?: number
  /** What the gateway adds on standard error, to the letter and in this order; default nothing. */
  readonly warns?: readonly string[]
}

const configMap = (color: string): string => `apiVersion: v1
kind: ConfigMap
metadata:
  name: palette
  labels: {app: tour}
data:
  color: ${color}
`

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: pause
        resources: {requests: {cpu: 10m}}
`

const pod = `apiVersion: v1
kind: Pod
metadata:
  name: talker
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: sh
    command: [sh, -c, "for i in 1 2 3; do echo line $i; done"]
`

const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.NAMESPACE.example.com
spec:
  group: NAMESPACE.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList, shortNames: [wg-NAMESPACE]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer}}}
`

const widget = `apiVersion: NAMESPACE.example.com/v1
kind: Widget
metadata:
  name: gear
spec:
  size: 7
`

/** Runs in a namespace of its own, on both sides in the same order. */
export const tour: readonly Step[] = [
  { name: 'get --raw', args: ['get', '--raw', '/version'], expect: /gitVersion/ },
  { name: 'api-resources', args: ['api-resources', '--sort-by=name', '-o', 'name'], expect: /^pods$/m },
  { name: 'explain', args: ['explain', 'deployment.spec.replicas'], expect: /replicas <integer>/ },
  {
    name: 'apply',
    args: ['apply', '-f', '-'],
    stdin: configMap('red'),
    expect: /configmap\/palette created/,
  },
  { name: 'get', args: ['get', 'configmaps', 'palette'], expect: /palette\s+1/ },
  { name: 'get -o yaml', args: ['get', 'configmap', 'palette', '-o', 'yaml'], expect: /color: red/ },
  {
    name: 'diff',
    args: ['diff', '-f', '-'],
    stdin: configMap('green'),
    expect: /\+ {2}color: green/,
    code: 1,
  },
  {
    name: 'apply again',
    args: ['apply', '-f', '-'],
    stdin: configMap('green'),
    expect: /palette configured/,
  },
  {
    name: 'apply --server-side',
    args: ['apply', '--server-side', '--force-conflicts', '-f', '-'],
    stdin: configMap('blue'),
    expect: /serverside-applied/,
  },
  {
    name: 'patch merge',
    args: ['patch', 'configmap', 'palette', '--type=merge', '-p', '{"data":{"shape":"round"}}'],
    expect: /patched/,
  },
  {
    name: 'patch json',
    args: [
      'patch',
      'configmap',
      'palette',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/data/size","value":"9"}]',
    ],
    expect: /patched/,
  },
  {
    name: 'patch strategic',
    args: ['patch', 'configmap', 'palette', '-p', '{"metadata":{"annotations":{"a":"b"}}}'],
    expect: /patched/,
  },
  { name: 'label', args: ['label', 'configmap', 'palette', 'tier=front'], expect: /labeled/ },
  {
    name: 'get by label',
    args: ['get', 'configmaps', '-l', 'tier=front', '-o', 'name'],
    expect: /configmap\/palette/,
  },
  {
    name: 'get by field',
    args: ['get', 'configmaps', '--field-selector', 'metadata.name=palette', '-o', 'name'],
    expect: /palette/,
  },
  { name: 'describe', args: ['describe', 'configmap', 'palette'], expect: /Labels:\s+app=tour/ },
  {
    name: 'create secret',
    args: ['create', 'secret', 'generic', 'key', '--from-literal=password=tr0ub4dor'],
    expect: /secret\/key created/,
  },
  {
    name: 'get secret',
    args: ['get', 'secret', 'key', '-o', 'jsonpath={.type}'],
    expect: /Opaque/,
    warns: MASKED,
  },
  // The one value that differs is put on one footing by `normalise`; the form around it is the same to the letter.
  {
    name: 'get secret -o yaml',
    args: ['get', 'secret', 'key', '-o', 'yaml'],
    expect: /password: dHIwdWI0ZG9y/,
    warns: MASKED,
  },
  {
    name: 'get secret -o json, raw',
    args: ['get', '--raw', '/api/v1/namespaces/NAMESPACE/secrets?fieldSelector=metadata.name=key'],
    expect: /"password":"dHIwdWI0ZG9y"/,
    warns: MASKED,
  },
  ...secretSteps,
  {
    name: 'get secret -o wide',
    args: ['get', 'secret', 'key', '-o', 'wide'],
    expect: /Opaque +2/,
    warns: MASKED,
  },
  {
    name: 'create deployment',
    args: ['apply', '-f', '-'],
    stdin: deployment,
    expect: /deployment.apps\/web created/,
  },
  {
    name: 'rollout status',
    args: ['rollout', 'status', 'deployment/web', '--timeout=60s'],
    expect: /successfully rolled out/,
  },
  { name: 'scale', args: ['scale', 'deployment/web', '--replicas=2'], expect: /scaled/ },
  {
    name: 'wait',
    args: ['wait', 'deployment/web', '--for=jsonpath={.status.readyReplicas}=2', '--timeout=60s'],
    expect: /condition met/,
  },
  {
    name: 'get -w',
    args: ['get', 'deployment', 'web', '-w', '--request-timeout=2s', '-o', 'name'],
    expect: /deployment.apps\/web/,
  },
  {
    name: 'set image',
    args: ['set', 'image', 'deployment/web', 'main=nginx', '--dry-run=server', '-o', 'jsonpath={..image}'],
    expect: /nginx/,
  },
  { name: 'pod', args: ['apply', '-f', '-'], stdin: pod, expect: /pod\/talker created/ },
  {
    name: 'wait for pod',
    args: ['wait', 'pod/talker', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s'],
    expect: /condition met/,
  },
  { name: 'logs', args: ['logs', 'talker'], expect: /line 1\nline 2\nline 3/ },
  { name: 'logs -f', args: ['logs', '-f', 'talker', '--tail=2'], expect: /line 2\nline 3/ },
  {
    name: 'crd and custom resource in one go',
    args: ['apply', '-f', '-'],
    stdin: `${crd}---\n${widget}`,
    expect: /customresourcedefinition\S* created/,
    // kubectl looks all kinds up before it creates the first object; the same command works the second time.
    code: 1,
  },
  {
    name: 'wait for crd',
    args: ['wait', 'crd/widgets.NAMESPACE.example.com', '--for=condition=Established', '--timeout=60s'],
    expect: /condition met/,
  },
  {
    name: 'the same again',
    args: ['apply', '-f', '-'],
    stdin: `${crd}---\n${widget}`,
    expect: /widget.NAMESPACE.example.com\/gear created/,
  },
  {
    name: 'get custom resource',
    args: ['get', 'wg-NAMESPACE', 'gear', '-o', 'jsonpath={.spec.size}'],
    expect: /^7$/,
  },
  {
    name: 'invalid custom resource',
    args: ['patch', 'wg-NAMESPACE', 'gear', '--type=merge', '-p', '{"spec":{"size":"big"}}'],
    expect: /^$/,
    code: 1,
  },
  { name: 'explain custom resource', args: ['explain', 'widgets.spec'], expect: /size\s+<integer>/ },
  {
    name: 'auth can-i --list',
    args: ['auth', 'can-i', '--list'],
    expect: /selfsubjectaccessreviews\.authorization\.k8s\.io/,
    // What is shipped for local administrators leaves one of them closed.
    warns: ['second doors need rules of their own'],
  },
  {
    name: 'auth can-i for another',
    args: ['auth', 'can-i', 'get', 'pods', '--subresource=log'],
    expect: /yes/,
  },
  { name: 'auth can-i', args: ['auth', 'can-i', 'delete', 'namespaces'], expect: /yes/ },
  {
    name: 'create job',
    args: ['create', 'job', 'once', '--image=sh', '--', 'sh', '-c', 'true'],
    expect: /job.batch\/once created/,
  },
  {
    name: 'events',
    args: [
      'get',
      'events',
      '--field-selector',
      'involvedObject.kind=Deployment',
      '-o',
      'jsonpath={.items[0].reason}',
    ],
    expect: /ScalingReplicaSet/,
  },
  {
    name: 'get --watch-only',
    args: ['get', 'configmaps', '--watch-only', '--request-timeout=2s', '-o', 'name'],
    expect: /^$/,
  },
  { name: 'get -o wide', args: ['get', 'deployment', 'web', '-o', 'wide'], expect: /web\s+2\/2/ },
  { name: 'get all', args: ['get', 'deployments,configmaps', '-o', 'name'], expect: /web\n/ },
  { name: 'get across namespaces', args: ['get', 'nodes', '-o', 'name'], expect: /node-a/ },
  { name: 'get in pages', args: ['get', 'configmaps', '--chunk-size=1', '-o', 'name'], expect: /palette/ },
  {
    name: 'get --raw of a list',
    args: ['get', '--raw', '/api/v1/nodes?limit=1'],
    expect: /"kind":"NodeList"/,
  },
  { name: 'deprecated API', args: ['get', 'componentstatus', 'etcd-0', '-o', 'name'], expect: /etcd-0/ },
  {
    name: 'warning of an unknown field',
    args: ['apply', '--validate=warn', '-f', '-'],
    stdin: `${configMap('blue')}colour: none\n`,
    expect: /palette configured/,
  },
  {
    name: 'unknown field',
    args: ['apply', '--validate=strict', '-f', '-'],
    stdin: `${configMap('blue')}colour: none\n`,
    expect: /^$/,
    code: 1,
  },
  {
    name: 'conflict of server-side apply',
    args: ['apply', '--server-side', '--field-manager=other', '-f', '-'],
    stdin: configMap('pink'),
    expect: /^$/,
    code: 1,
  },
  { name: 'annotate', args: ['annotate', 'configmap', 'palette', 'note=one'], expect: /annotated/ },
  {
    name: 'replace',
    args: ['replace', '-f', '-'],
    stdin: configMap('white'),
    expect: /palette replaced/,
  },
  { name: 'describe deployment', args: ['describe', 'deployment', 'web'], expect: /Replicas:\s+2 desired/ },
  { name: 'rollout history', args: ['rollout', 'history', 'deployment/web'], expect: /^1\s/m },
  { name: 'rollout restart', args: ['rollout', 'restart', 'deployment/web'], expect: /restarted/ },
  {
    name: 'create --dry-run=server',
    args: ['create', 'configmap', 'never', '--from-literal=a=b', '--dry-run=server', '-o', 'yaml'],
    expect: /a: b/,
  },
  { name: 'create token', args: ['create', 'token', 'no-such'], expect: /^$/, code: 1 },
  { name: 'unknown resource', args: ['get', 'gadgets'], expect: /^$/, code: 1 },
  { name: 'unknown path', args: ['get', '--raw', '/api/v1/gadgets'], expect: /^$/, code: 1 },
  { name: 'bad selector', args: ['get', 'pods', '-l', 'a=b=c'], expect: /^$/, code: 1 },
  { name: 'not found', args: ['get', 'configmap', 'no-such'], expect: /^$/, code: 1 },
  { name: 'invalid', args: ['create', 'configmap', 'Bad_Name'], expect: /^$/, code: 1 },
  { name: 'delete', args: ['delete', 'configmap', 'palette'], expect: /"palette" deleted/ },
  {
    name: 'delete collection',
    args: ['delete', 'secrets', '--all'],
    expect: /"key" deleted/,
    // kubectl lists them first; of what it lists only the annotation that it wrote itself holds a value.
    warns: MASKED,
  },
  { name: 'delete custom resource', args: ['delete', 'wg-NAMESPACE', 'gear'], expect: /"gear" deleted/ },
  {
    name: 'delete deployment',
    args: ['delete', 'deployment', 'web', '--wait=false'],
    expect: /"web" deleted/,
  },
]
