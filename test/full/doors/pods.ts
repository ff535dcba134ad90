import {
  APPLY,
  container,
  type Door,
  deployment,
  get,
  JSON_PATCH,
  OPEN,
  object,
  patch,
  pod,
  post,
  put,
  remove,
  SHOP,
  STRATEGIC,
} from './door.ts'
import { upgrade } from './reads.ts'

const NODE = '/api/v1/nodes/n/proxy'
const POD = `${SHOP}/pods/web`
const DEPLOYMENTS = '/apis/apps/v1/namespaces/open/deployments'
const kubelet = { rule: 'guards/no-node-proxy', effect: 'deny', open: 'taken' } as const
const closed = (risk: string): { rule: string; effect: 'deny' } => ({
  rule: `defaults/${risk}`,
  effect: 'deny',
})
const proxied = (risk: string) => ({ ...closed(risk), open: 'taken' }) as const
const streams = (risk: string) => ({ ...proxied(risk), kubectlIsTold: 'upgrade-unsupported' }) as const
const stream = { refused: 'upgrade-unsupported' } as const
const ambiguous = { refused: 'request-ambiguous' } as const

const proxies: readonly Door[] = [
  {
    number: 'B19',
    title: 'what runs on a node',
    ...kubelet,
    kubectl: ['get', '--raw', `${NODE}/pods`],
    raw: [
      get(`${NODE}/pods`),
      get('/api/v1/nodes/n:10250/proxy/pods'),
      get('/api/v1/nodes/https:n:10250/proxy/containerLogs/shop/web/c'),
    ],
  },
  {
    number: 'B19',
    title: 'a command by the kubelet',
    ...kubelet,
    kubectl: ['create', '--raw', `${NODE}/run/shop/web/c?cmd=id`, '-f', '-'],
    stdin: {},
    raw: [
      post(`${NODE}/exec/shop/web/c?command=id`),
      post(`${NODE}/run/shop/web/c?cmd=id`),
      get(`${NODE}/exec/shop/web/c?command=id`, { headers: upgrade('Upgrade'), ...stream }),
    ],
  },
  {
    number: 'B20',
    title: 'a port of a pod',
    ...proxied('pod-proxy'),
    kubectl: ['get', '--raw', `${POD}:8080/proxy/admin`],
    raw: [get(`${POD}:8080/proxy/admin`), post(`${POD}/proxy/admin`, {}), remove(`${POD}/proxy/admin`)],
  },
  {
    number: 'B20',
    title: 'a port of a service',
    ...proxied('service-proxy'),
    kubectl: ['get', '--raw', `${SHOP}/services/web:80/proxy/admin`],
    raw: [get(`${SHOP}/services/web:80/proxy/admin`), put(`${SHOP}/services/https:web:80/proxy/admin`, {})],
  },
  {
    number: 'A11',
    title: 'the old proxy prefix',
    rule: 'none',
    effect: 'deny',
    open: 'taken',
    kubectl: 'raw only',
    raw: [
      get('/api/v1/proxy/namespaces/shop/pods/web/admin', ambiguous),
      get('/api/v1/proxy/nodes/n/pods', ambiguous),
    ],
  },
]

const shells: readonly Door[] = [
  {
    number: 'B21',
    title: 'exec, by every method',
    ...streams('exec'),
    kubectl: ['-n', 'shop', 'exec', 'web', '--', 'id'],
    raw: [
      post(`${POD}/exec?command=id&stdout=true`),
      get(`${POD}/exec?command=id&stdout=true`),
      get(`${POD}/exec?command=id&stdout=true`, { headers: upgrade('Upgrade'), ...stream }),
      get(`${POD}/exec?command=id&stdout=true`, { headers: upgrade('keep-alive, xupgradex'), ...ambiguous }),
    ],
  },
  {
    number: 'B22',
    title: 'attach',
    ...streams('attach'),
    kubectl: ['-n', 'shop', 'attach', '-i', 'web'],
    raw: [post(`${POD}/attach?stdin=true&stdout=true`), get(`${POD}/attach?stdin=true`)],
  },
  {
    number: 'B24',
    title: 'exec without a terminal',
    ...streams('exec'),
    kubectl: ['-n', 'shop', 'exec', '-i', 'web', '--', 'sh'],
    raw: [post(`${POD}/exec?stdin=true&tty=false&command=sh`)],
  },
  {
    number: 'B24',
    title: 'cp is exec',
    ...streams('exec'),
    kubectl: ['-n', 'shop', 'cp', 'web:/etc/passwd', '/dev/null'],
    raw: [post(`${POD}/exec?command=tar&command=cf&command=-&command=%2Fetc&stdout=true`)],
  },
  {
    number: 'B25',
    title: 'port-forward to the kubelet',
    ...streams('port-forward'),
    kubectl: ['-n', 'shop', 'port-forward', '--address', '127.0.0.1', 'pod/web', ':10250'],
    raw: [post(`${POD}/portforward?ports=10250`), get(`${POD}/portforward?ports=2379`)],
  },
]

const ephemeral = { spec: { ephemeralContainers: [{ name: 'd{v}', image: 'registry.example.com/debug:1' }] } }
const debug = { title: 'a container added to a running pod', ...closed('ephemeral-container') } as const
const containers: readonly Door[] = [
  {
    number: 'B23',
    ...debug,
    kubectl: [
      '-n',
      'shop',
      'debug',
      'web',
      '--image=registry.example.com/debug:1',
      '--profile=baseline',
      '--attach=false',
    ],
    raw: [patch(`${POD}/ephemeralcontainers`, ephemeral, STRATEGIC)],
  },
  {
    number: 'B23',
    title: 'a pod that looks at its node',
    ...closed('pod-spec-host'),
    kubectl: [
      '-n',
      'open',
      'debug',
      'node/n',
      '--image=registry.example.com/debug:1',
      '--profile=general',
      '--attach=false',
    ],
    raw: [post(`${OPEN}/pods`, pod('node-{v}', { nodeName: 'n', hostPID: true, hostNetwork: true }))],
  },
]

const mounts = (name: string): object => ({
  volumes: [{ name: 'v', secret: { secretName: 'treasure' } }],
  containers: [{ ...container, name }],
})
const fromSecret = { containers: [{ ...container, envFrom: [{ secretRef: { name: 'treasure' } }] }] }
const projected = { volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 'treasure' } }] } }] }
const hostPath = { volumes: [{ name: 'v', hostPath: { path: '/' } }] }
const minted = {
  volumes: [
    { name: 'v', projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 't' } }] } },
  ],
}
const batch = { template: { spec: { restartPolicy: 'Never', containers: [container], ...projected } } }
const cronJob = object('batch/v1', 'CronJob', 'cron-{v}', {
  spec: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: batch } },
})
const job = object('batch/v1', 'Job', 'job-{v}', { spec: { suspend: true, ...batch } })
const labels = { app: 'k-{v}' }
const template = { metadata: { labels }, spec: { containers: [container], ...hostPath } }
const selected = { selector: { matchLabels: labels }, template }
const daemon = object('apps/v1', 'DaemonSet', 'k-{v}', { spec: selected })
const stateful = object('apps/v1', 'StatefulSet', 'k-{v}', {
  spec: { replicas: 0, serviceName: 'x', ...selected },
})
const replicas = object('apps/v1', 'ReplicaSet', 'k-{v}', { spec: { replicas: 0, ...selected } })
const controller = object('v1', 'ReplicationController', 'k-{v}', {
  spec: { replicas: 0, selector: labels, template },
})
const podTemplate = object('v1', 'PodTemplate', 'k-{v}', { template })
const widget = object('example.dev/v1', 'Widget', 'w-{v}', {
  spec: { deep: [{ template: { spec: hostPath } }] },
})
const create = (namespace: string): readonly string[] => ['-n', namespace, 'create', '-f', '-']

/** Workloads that read Secrets, take identities or get at nodes, without a word of Secrets in the path. */
const workloads: readonly Door[] = [
  {
    number: 'B29',
    title: 'a pod that mounts a Secret',
    ...closed('pod-spec-secret'),
    kubectl: create('open'),
    stdin: pod('m-{v}', mounts('c')),
    raw: [post(`${OPEN}/pods`, pod('m-{v}', mounts('c')))],
  },
  {
    number: 'B29',
    title: 'a pod with the Secret in its environment',
    ...closed('pod-spec-secret'),
    kubectl: [
      '-n',
      'open',
      'run',
      'e-{v}',
      '--image=registry.example.com/web:1',
      `--overrides=${JSON.stringify({ spec: { containers: [{ ...container, name: 'e-{v}', envFrom: [{ secretRef: { name: 'treasure' } }] }] } })}`,
    ],
    raw: [post(`${OPEN}/pods`, pod('e-{v}', fromSecret))],
  },
  {
    number: 'B29',
    title: 'a deployment that projects it',
    ...closed('pod-spec-secret'),
    kubectl: ['-n', 'open', 'apply', '--server-side', '-f', '-'],
    stdin: deployment('p-{v}', projected),
    raw: [
      post(DEPLOYMENTS, deployment('p-{v}', projected)),
      patch(`${DEPLOYMENTS}/p2-{v}?fieldManager=m`, deployment('p2-{v}', projected), APPLY),
    ],
  },
  {
    number: 'B29',
    title: 'a cron job',
    ...closed('pod-spec-secret'),
    kubectl: create('open'),
    stdin: cronJob,
    raw: [post('/apis/batch/v1/namespaces/open/cronjobs', cronJob)],
  },
  {
    number: 'B29',
    title: 'a job',
    ...closed('pod-spec-secret'),
    kubectl: create('open'),
    stdin: job,
    raw: [post('/apis/batch/v1/namespaces/open/jobs', job)],
  },
  {
    number: 'B29',
    title: 'a field of a deployment that is there',
    ...closed('pod-spec-secret'),
    kubectl: [
      '-n',
      'open',
      'patch',
      'deployment',
      'plain',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/spec/template/spec/containers/0/env","value":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"treasure","key":"key"}}}]}]',
    ],
    raw: [patch(`${DEPLOYMENTS}/plain`, { spec: { template: { spec: projected } } }, STRATEGIC)],
  },
  {
    number: 'B29',
    title: 'a JSON patch that copies the volumes from elsewhere',
    ...closed('pod-spec-secret'),
    kubectl: 'raw only',
    raw: [
      patch(
        `${DEPLOYMENTS}/plain`,
        [
          { op: 'add', path: '/spec/template/spec/volumes', value: [{ name: 'v' }] },
          { op: 'add', path: '/spec/template/spec/volumes/0/secret', value: { secretName: 'treasure' } },
        ],
        JSON_PATCH,
      ),
    ],
  },
  {
    number: 'B29',
    title: 'every other kind with a template',
    ...closed('pod-spec-host'),
    kubectl: create('open'),
    stdin: { apiVersion: 'v1', kind: 'List', items: [daemon, podTemplate] },
    raw: [
      post('/apis/apps/v1/namespaces/open/daemonsets', daemon),
      post('/apis/apps/v1/namespaces/open/statefulsets', stateful),
      post('/apis/apps/v1/namespaces/open/replicasets', replicas),
      post(`${OPEN}/replicationcontrollers`, controller),
      post(`${OPEN}/podtemplates`, podTemplate),
    ],
  },
  {
    number: 'B29',
    title: 'another service account',
    ...closed('pod-spec-identity'),
    kubectl: ['-n', 'open', 'set', 'serviceaccount', 'deployment/plain', 'strong'],
    raw: [
      post(`${OPEN}/pods`, pod('sa-{v}', { serviceAccountName: 'strong' })),
      patch(`${DEPLOYMENTS}/plain`, {
        spec: { template: { spec: { serviceAccount: 'strong', serviceAccountName: 'strong' } } },
      }),
    ],
  },
  {
    number: 'B29',
    title: 'a token for elsewhere',
    ...closed('pod-spec-identity'),
    kubectl: create('open'),
    stdin: pod('t-{v}', minted),
    raw: [post(`${OPEN}/pods`, pod('t-{v}', minted))],
  },
  {
    number: 'B29',
    title: "the node's disk, from a deployment and from a custom resource",
    ...closed('pod-spec-host'),
    kubectl: create('open'),
    stdin: widget,
    raw: [
      post(DEPLOYMENTS, deployment('h-{v}', hostPath)),
      post('/apis/example.dev/v1/namespaces/open/widgets', widget),
    ],
  },
  {
    number: 'B29',
    title: 'a privileged container',
    ...closed('pod-spec-host'),
    kubectl: ['-n', 'open', 'run', 'priv-{v}', '--image=registry.example.com/web:1', '--privileged'],
    raw: [
      post(
        `${OPEN}/pods`,
        pod('priv-{v}', { containers: [{ ...container, securityContext: { privileged: true } }] }),
      ),
    ],
  },
]

export const podDoors: readonly Door[] = [...proxies, ...shells, ...containers, ...workloads]
