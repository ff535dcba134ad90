import { ALL, EVERYTHING, table } from './testing/ask.ts'

table(
  'RBAC words',
  [`r allow {${ALL}, verbs: [get, list], apiGroups: [""], resources: [pods, pods/log, "*/scale"]}`],
  [
    ['get pods a/x', 'allow'],
    ['list pods -/-', 'allow'],
    ['get pods/log a/x', 'allow'],
    ['get pods/status a/x', 'deny'],
    ['get replicationcontrollers/scale a/x', 'allow'],
    ['get apps/deployments/scale a/x', 'deny'],
    ['watch pods a/-', 'deny'],
    ['get services a/x', 'deny'],
    ['get metrics.k8s.io/pods a/x', 'deny'],
    ['get /healthz', 'allow'],
    ['get /metrics', 'deny'],
  ],
)

table(
  'all subresources of one',
  [`r allow {${ALL}, verbs: ["*"], apiGroups: [apps], resources: ["deployments/*"]}`],
  [
    ['get apps/deployments/scale a/x', 'allow'],
    ['get apps/deployments a/x', 'deny'],
  ],
)

table(
  'URLs',
  [
    `r allow {${ALL}, verbs: [get], nonResourceURLs: [/metrics, "/debug/*"]}`,
    `d deny {nonResourceURLs: ["/debug/pprof/*"]}`,
  ],
  [
    ['get /metrics', 'allow'],
    ['get /metrics/slis', 'deny'],
    ['get /debug/flags', 'allow'],
    ['get /debug/pprof/heap', 'deny'],
    ['post /metrics', 'deny'],
    ['get pods a/x', 'deny'],
  ],
)

table(
  'an allow rule for namespaces',
  [
    `r allow {${ALL}, verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["team-*"], riskClasses: ["*"]}`,
  ],
  [
    ['get pods team-a/x', 'allow'],
    ['list pods team-a/-', 'allow'],
    ['list pods -/-', 'deny'],
    ['watch pods -/-', 'deny'],
    ['list secrets -/db', 'deny'],
    ['get pods other/x', 'deny'],
    ['get nodes -/n', 'deny'],
    ['get namespaces team-a/team-a', 'allow'],
    ['create namespaces -/-', 'deny', { body: { name: 'team-a' } }],
  ],
)

table(
  'an allow rule for names',
  [`r allow {${ALL}, verbs: ["*"], apiGroups: [""], resources: [configmaps], resourceNames: [x]}`],
  [
    ['get configmaps a/x', 'allow'],
    ['get configmaps a/y', 'deny'],
    ['list configmaps a/-', 'deny'],
    ['list configmaps a/x', 'allow'],
    ['watch configmaps -/x', 'allow'],
    ['deletecollection configmaps a/-', 'deny'],
    ['create configmaps a/-', 'deny', { body: { name: 'x' } }],
  ],
)

const DENY_SECRETS_X = [EVERYTHING, 'd deny {resources: [secrets], namespaces: [x]}']
table('a deny rule for a namespace', DENY_SECRETS_X, [
  ['get secrets x/s', 'deny'],
  ['get secrets y/s', 'allow'],
  ['list secrets y/-', 'allow'],
  ['list secrets -/-', 'deny'],
  ['watch secrets -/-', 'deny'],
  ['list secrets -/s', 'deny'],
  ['list pods -/-', 'allow'],
  ['delete namespaces x/x', 'deny'],
  ['delete namespaces y/y', 'allow'],
  ['update namespaces/finalize x/x', 'deny'],
])

table(
  'a deny rule for everything in a namespace',
  [EVERYTHING, 'd deny {namespaces: [kube-system]}'],
  [
    ['get pods kube-system/x', 'deny'],
    ['list pods -/-', 'deny'],
    ['list nodes -/-', 'allow'],
    ['get nodes -/n', 'allow'],
    ['list namespaces -/-', 'allow'],
    ['list namespaces -/kube-system', 'deny'],
    ['get namespaces kube-system/kube-system', 'deny'],
    ['create namespaces -/-', 'deny', { body: { name: 'kube-system' } }],
    ['create namespaces -/-', 'allow', { body: { name: 'other' } }],
    ['create namespaces -/-', 'deny', { body: { name: 'kube-*' } }],
    ['create namespaces -/-', 'deny', {}],
    ['list example.com/widgets -/-', 'deny'],
    ['list example.com/widgets -/-', 'allow', { namespaced: false }],
  ],
)

table(
  'a deny rule that says namespaces',
  [EVERYTHING, 'd deny {resources: [namespaces], namespaces: [x]}'],
  [
    ['list namespaces -/-', 'deny'],
    ['get namespaces y/y', 'allow'],
  ],
)

table(
  'a deny rule for names',
  [EVERYTHING, 'd deny {resources: [configmaps], resourceNames: [x]}'],
  [
    ['get configmaps a/x', 'deny'],
    ['get configmaps a/y', 'allow'],
    ['list configmaps a/-', 'deny'],
    ['list configmaps a/y', 'allow'],
    ['watch configmaps -/-', 'deny'],
    ['deletecollection configmaps a/-', 'deny'],
    ['create configmaps a/-', 'deny', { body: { name: 'x' } }],
    ['create configmaps a/-', 'allow', { body: { name: 'y' } }],
    ['create configmaps a/-', 'allow', { body: { name: 'y*' } }],
    ['create configmaps a/-', 'deny', {}],
  ],
)

table(
  'a deny rule and other names of the same effect',
  [EVERYTHING, 'd deny {verbs: [get, update, delete], resources: [pods, secrets, deployments, namespaces]}'],
  [
    ['list secrets a/-', 'deny'],
    ['watch secrets a/-', 'deny'],
    ['patch pods a/x', 'deny'],
    ['create pods/eviction a/x', 'deny'],
    ['deletecollection pods a/-', 'deny'],
    ['patch pods/ephemeralcontainers a/x', 'deny'],
    ['patch pods/status a/x', 'deny'],
    ['get pods/status a/x', 'deny'],
    ['create pods/binding a/x', 'deny'],
    ['create bindings a/x', 'deny'],
    ['update apps/deployments/scale a/x', 'deny'],
    ['update namespaces/finalize a/a', 'deny'],
    ['create pods a/-', 'allow'],
    ['get pods/log a/x', 'allow'],
    ['get apps/deployments/scale a/x', 'allow'],
  ],
)

table(
  'deleting a namespace',
  [
    EVERYTHING,
    'd deny {verbs: [delete], apiGroups: [apps], resources: [deployments], namespaces: [x]}',
    'n deny {verbs: [delete], apiGroups: ["*"], resources: [clusterroles, pods/log]}',
  ],
  [
    ['delete namespaces x/x', 'deny'],
    ['delete namespaces y/y', 'allow'],
    ['delete pods x/p', 'allow'],
  ],
)

table(
  'B33 what may create needs create',
  [`r allow {${ALL}, verbs: [update, patch], apiGroups: ["*"], resources: ["*"]}`],
  [
    ['patch configmaps a/x', 'allow', { body: { form: 'merge-patch' } }],
    ['patch configmaps a/x', 'deny', { body: { form: 'apply-patch' } }],
    ['update configmaps a/x', 'allow', { body: {} }],
    ['update coordination.k8s.io/leases a/x', 'deny', { body: {} }],
    ['update coordination.k8s.io/leases/status a/x', 'allow', { body: {} }],
  ],
)
table(
  'B33 a deny of create stops what may create',
  [EVERYTHING, 'd deny {verbs: [create], resources: [configmaps, leases]}'],
  [
    ['patch configmaps a/x', 'deny', { body: { form: 'apply-patch' } }],
    ['patch configmaps a/x', 'allow', { body: { form: 'merge-patch' } }],
    ['update coordination.k8s.io/leases a/x', 'deny', { body: {} }],
  ],
)
