/** One step of the tour of unchanged kubectl: what is typed, and what it reads on standard input. */
export interface Step {
  readonly name: string
  readonly args: readonly string[]
  readonly stdin?: string
  /** Part of standard output that must be there: a step that fails equally on both sides proves nothing. */
  readonly expect: RegExp
  /** Exit code; default 0. */
  readonly code?: number
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
  name: widgets.tour.example.com
spec:
  group: tour.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList, shortNames: [wg]}
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

const widget = `apiVersion: tour.example.com/v1
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
  { name: 'get secret', args: ['get', 'secret', 'key', '-o', 'jsonpath={.type}'], expect: /Opaque/ },
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
    name: 'crd',
    args: ['apply', '-f', '-'],
    stdin: crd,
    expect: /customresourcedefinition\S* (created|unchanged)/,
  },
  {
    name: 'wait for crd',
    args: ['wait', 'crd/widgets.tour.example.com', '--for=condition=Established', '--timeout=60s'],
    expect: /condition met/,
  },
  {
    name: 'custom resource',
    args: ['apply', '-f', '-'],
    stdin: widget,
    expect: /widget.tour.example.com\/gear created/,
  },
  { name: 'get custom resource', args: ['get', 'wg', 'gear', '-o', 'jsonpath={.spec.size}'], expect: /^7$/ },
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
  { name: 'not found', args: ['get', 'configmap', 'no-such'], expect: /^$/, code: 1 },
  { name: 'invalid', args: ['create', 'configmap', 'Bad_Name'], expect: /^$/, code: 1 },
  { name: 'delete', args: ['delete', 'configmap', 'palette'], expect: /"palette" deleted/ },
  { name: 'delete collection', args: ['delete', 'secrets', '--all'], expect: /"key" deleted/ },
  { name: 'delete custom resource', args: ['delete', 'wg', 'gear'], expect: /"gear" deleted/ },
  {
    name: 'delete deployment',
    args: ['delete', 'deployment', 'web', '--wait=false'],
    expect: /"web" deleted/,
  },
]
