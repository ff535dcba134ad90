import { type Door, get, JSON_PATCH, patch, post, remove, SHOP } from './door.ts'

const SECRET = `${SHOP}/secrets/treasure`
const secrets = {
  rule: 'guards/secrets-read-only-by',
  effect: 'deny',
  unread: ['secrets'],
  open: 'answers',
} as const
const upgrade = (host: string): Record<string, string> => ({
  connection: host,
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  'sec-websocket-protocol': 'v5.channel.k8s.io',
})

export { upgrade }

const ambiguous = { refused: 'request-ambiguous' } as const

/** Secrets may be read by nobody here: the front, and all the other ways to their values. */
const readSecrets: readonly Door[] = [
  {
    number: 'front',
    title: 'get',
    ...secrets,
    kubectl: ['-n', 'shop', 'get', 'secret', 'treasure', '-o', 'yaml'],
    raw: [get(SECRET)],
  },
  {
    number: 'A16',
    title: 'HEAD',
    ...secrets,
    open: 'taken',
    kubectl: 'raw only',
    raw: [{ method: 'HEAD', path: SECRET }],
  },
  {
    number: 'front',
    title: 'list, of one namespace and of all',
    ...secrets,
    kubectl: ['get', 'secrets', '-A'],
    raw: [get(`${SHOP}/secrets`), get('/api/v1/secrets')],
  },
  {
    number: 'A12',
    title: 'watch in all its spellings',
    ...secrets,
    kubectl: ['get', '--raw', `${SECRET}?watch=1&timeoutSeconds=1`],
    raw: [
      get(`${SHOP}/secrets?watch=1&timeoutSeconds=1`),
      get(`${SHOP}/secrets?watch&timeoutSeconds=1`),
      get(`${SHOP}/secrets?watch=yes&timeoutSeconds=1`),
      get(`${SHOP}/secrets?%77atch=true&timeoutSeconds=1`),
      get(`${SECRET}?watch=1&timeoutSeconds=1`),
    ],
  },
  {
    number: 'A13',
    title: 'a list that a field selector limits to one name',
    ...secrets,
    kubectl: ['-n', 'shop', 'get', 'secrets', '--field-selector', 'metadata.name=treasure', '-o', 'json'],
    raw: [get(`${SHOP}/secrets?fieldSelector=metadata.name%3Dtreasure`)],
  },
  {
    number: 'A10',
    title: 'the old watch prefix',
    ...secrets,
    kubectlIsTold: 'request-ambiguous',
    kubectl: ['get', '--raw', '/api/v1/watch/namespaces/shop/secrets?timeoutSeconds=1'],
    raw: [
      get('/api/v1/watch/namespaces/shop/secrets?timeoutSeconds=1', ambiguous),
      get('/api/v1/watch/secrets?timeoutSeconds=1', ambiguous),
    ],
  },
  {
    number: 'E63',
    title: 'as a table or as metadata',
    ...secrets,
    kubectl: ['-n', 'shop', 'get', 'secrets'],
    raw: [
      get(SECRET, { headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } }),
      get(`${SHOP}/secrets?includeObject=Object`, {
        headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
      }),
      get(SECRET, { headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' } }),
    ],
  },
  {
    number: 'E62',
    title: 'as protobuf',
    ...secrets,
    kubectl: 'raw only',
    raw: [get(SECRET, { headers: { accept: 'application/vnd.kubernetes.protobuf' } })],
  },
  {
    number: 'B32',
    title: 'an empty patch, as a dry run',
    ...secrets,
    kubectl: ['-n', 'shop', 'patch', 'secret', 'treasure', '-p', '{}', '--dry-run=server', '-o', 'yaml'],
    raw: [patch(`${SECRET}?dryRun=All`, {}), patch(SECRET, {})],
  },
  {
    number: 'E72',
    title: 'a JSON patch that copies the value to where it shows',
    ...secrets,
    open: 'changes',
    kubectl: [
      '-n',
      'shop',
      'patch',
      'secret',
      'treasure',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/metadata/annotations","value":{}},{"op":"copy","from":"/data/key","path":"/metadata/annotations/x"}]',
    ],
    raw: [patch(SECRET, [{ op: 'copy', from: '/data', path: '/metadata/annotations' }], JSON_PATCH)],
  },
  {
    number: 'B33',
    title: 'server-side apply of nothing',
    ...secrets,
    kubectl: 'raw only',
    raw: [
      patch(
        `${SECRET}?fieldManager=m&force=true&dryRun=All`,
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'treasure' } },
        'application/apply-patch+yaml',
      ),
    ],
  },
  {
    number: 'B32',
    title: 'a delete, a delete of all, as dry runs: they answer with what they would delete',
    ...secrets,
    kubectl: ['delete', '--raw', `${SECRET}?dryRun=All`],
    raw: [remove(`${SECRET}?dryRun=All`), remove(`${SHOP}/secrets?dryRun=All`)],
  },
  {
    number: 'describe',
    title: 'kubectl describe, set env --from',
    ...secrets,
    kubectl: [
      '-n',
      'shop',
      'set',
      'env',
      'deployment/other',
      '--from=secret/treasure',
      '--dry-run=client',
      '-o',
      'yaml',
    ],
    raw: [get(SECRET, { headers: { 'user-agent': 'kubectl/v1.36.0 (linux/amd64)' } })],
  },
  {
    number: 'D53',
    title: 'over HTTP/2, with tricks in :path',
    ...secrets,
    kubectl: 'raw only',
    raw: [
      get(SECRET, { http2: true }),
      get(`${SHOP}//secrets/treasure`, { http2: true, refused: 'request-ambiguous' }),
      get(`${SHOP}/pods/../secrets/treasure`, { http2: true, refused: 'request-ambiguous' }),
    ],
  },
  {
    number: 'A17',
    title: 'another method by header',
    ...secrets,
    kubectl: 'raw only',
    raw: [get(SECRET, { headers: { 'x-http-method-override': 'OPTIONS' }, ...ambiguous })],
  },
]

/** Paths that two readers read in two ways. They are refused as such, whatever policy says. */
const paths: readonly Door[] = [
  {
    number: 'A1-A9',
    title: 'paths with two readings',
    ...secrets,
    kubectl: 'raw only',
    raw: [
      get(`${SECRET}/`, ambiguous),
      get(`${SHOP}/secrets//treasure`, ambiguous),
      get(`/api/v1/namespaces//secrets`, ambiguous),
      get(`/api/v1/namespaces/shop/%73ecrets/treasure`),
      get(`/api/v1/namespaces/shop%2Fsecrets/treasure`, ambiguous),
      get(`${SHOP}/pods/x/%2e%2e/%2e%2e/secrets/treasure`, ambiguous),
      get(`${SHOP}\\secrets\\treasure`, ambiguous),
      get(`//x/api/v1/namespaces/shop/secrets/treasure`, ambiguous),
      get(`/api/v1/namespaces/./secrets/treasure`, ambiguous),
    ],
  },
]

/** Nobody may see the events of the shop; they have two groups, and namespaces are no wall for a list. */
const events = { rule: 'guards/no-events', effect: 'deny', unread: ['events'], open: 'answers' } as const
const autoscalers = {
  rule: 'guards/no-autoscalers',
  effect: 'deny',
  unread: ['horizontalpodautoscalers'],
  open: 'answers',
} as const
const otherGroups: readonly Door[] = [
  {
    number: 'A14',
    title: 'events by their core name',
    ...events,
    kubectl: ['-n', 'shop', 'get', 'events'],
    raw: [get(`${SHOP}/events`)],
  },
  {
    number: 'A14',
    title: 'events by their other group',
    ...events,
    kubectl: ['-n', 'shop', 'get', 'events.v1.events.k8s.io'],
    raw: [
      get('/apis/events.k8s.io/v1/namespaces/shop/events'),
      get('/apis/events.k8s.io/v1beta1/namespaces/shop/events'),
    ],
  },
  {
    number: 'A14',
    title: 'events of all namespaces',
    ...events,
    kubectl: ['get', 'events', '-A'],
    raw: [
      get('/api/v1/events'),
      get('/apis/events.k8s.io/v1/events?watch=1&timeoutSeconds=1'),
      get('/api/v1/events?fieldSelector=metadata.namespace%3Dshop'),
    ],
  },
  {
    number: 'A14',
    title: 'autoscalers in both versions',
    ...autoscalers,
    kubectl: ['-n', 'shop', 'get', 'horizontalpodautoscalers.v1.autoscaling'],
    raw: [
      get('/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers'),
      get('/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers'),
      get('/apis/autoscaling/v1/horizontalpodautoscalers'),
    ],
  },
]

const asRoot = {
  rule: 'defaults/impersonate',
  effect: 'deny',
  unread: ['configmaps', 'selfsubjectreviews'],
  open: 'answers',
} as const
const reviews = { rule: 'defaults/access-review', effect: 'deny', open: 'answers' } as const
const sar = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  spec: { user: 'root', resourceAttributes: { verb: 'get', resource: 'secrets' } },
}
const self = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
const CONFIG = `${SHOP}/configmaps/palette`

/** Acting as another, asking for another. */
const identity: readonly Door[] = [
  {
    number: 'C35',
    title: 'another user',
    ...asRoot,
    kubectl: ['--as=root', '-n', 'shop', 'get', 'configmap', 'palette'],
    raw: [
      get(CONFIG, { headers: { 'impersonate-user': 'root' } }),
      get(CONFIG, { headers: { 'IMPERSONATE-USER': 'system:admin' } }),
    ],
  },
  {
    number: 'C35',
    title: 'another group',
    ...asRoot,
    kubectl: ['--as=root', '--as-group=system:masters', '-n', 'shop', 'get', 'configmap', 'palette'],
    raw: [get(CONFIG, { headers: { 'impersonate-user': 'root', 'impersonate-group': 'system:masters' } })],
  },
  {
    number: 'C35',
    title: 'another UID and extra',
    ...asRoot,
    kubectl: ['--as=root', '--as-uid=1', '-n', 'shop', 'get', 'configmap', 'palette'],
    raw: [
      get(CONFIG, {
        headers: { 'impersonate-user': 'root', 'impersonate-uid': '1', 'impersonate-extra-scopes': 'all' },
      }),
    ],
  },
  {
    number: 'C41',
    title: 'a question about oneself as another',
    ...asRoot,
    kubectlIsTold: 'its own words',
    kubectl: ['--as=root', 'auth', 'whoami'],
    raw: [
      post('/apis/authentication.k8s.io/v1/selfsubjectreviews', self, {
        headers: { 'impersonate-user': 'root' },
      }),
    ],
  },
  {
    number: 'C41',
    title: 'what others may do',
    ...reviews,
    kubectl: ['create', '-f', '-'],
    stdin: sar,
    raw: [post('/apis/authorization.k8s.io/v1/subjectaccessreviews', sar)],
  },
  {
    number: 'C41',
    title: 'whose a token is',
    ...reviews,
    kubectl: 'raw only',
    raw: [
      post('/apis/authentication.k8s.io/v1/tokenreviews', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token: 'a.b.c' },
      }),
    ],
  },
]

export const readDoors: readonly Door[] = [...readSecrets, ...paths, ...otherGroups, ...identity]
