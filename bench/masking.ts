import { createSecretKey, randomBytes } from 'node:crypto'
import { type AnswerMask, createAnswerMask } from '../src/masking/answer/answer-mask.ts'
import type { ActiveRules } from '../src/masking/contract.ts'
import { plausible } from '../src/masking/detect/plausible.ts'
import { createMaskEngines } from '../src/masking/engines.ts'
import { createFingerprints } from '../src/masking/fingerprints/fingerprints.ts'
import { FINGERPRINT_RULE } from '../src/masking/fingerprints/rule.ts'
import type { MaskEngine } from '../src/masking/json/mask-engine.ts'
import { createPlaceholders } from '../src/masking/placeholder.ts'
import { compileMasking } from '../src/masking/rules/compile.ts'
import { shippedDetectors } from '../src/masking/rules/detectors.ts'

/**
 * What masking costs, in CPU time of this process: median of rounds, in each of which every way takes its turn.
 *
 *     node bench/masking.ts [words in the names of the ways]
 */
const ROUNDS = Number(process.env.ROUNDS ?? 15)

const key = createSecretKey(randomBytes(32))
const shipped = compileMasking([], shippedDetectors).trail
const structural: ActiveRules = {
  ...shipped,
  key: () => undefined,
  env: () => undefined,
  text: { next: () => -1, find() {} },
  fingerprint: null,
}

function engine(rules: ActiveRules, fingerprints = 0): MaskEngine {
  const set = createFingerprints({ key, rule: FINGERPRINT_RULE, capacity: 120_000 })
  for (let i = 0; i < fingerprints; i++)
    set.learn(randomBytes(18).toString('base64'), FINGERPRINT_RULE, `n${i % 50}`)
  return createMaskEngines({
    placeholders: createPlaceholders(randomBytes(32)),
    fingerprints: set,
    fingerprintOf: value => set.fingerprintOf(value),
    plausible,
  })(rules)
}

const uid = () => {
  const hex = randomBytes(16).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
const managed = (fields: object) => [
  {
    manager: 'kubectl-create',
    operation: 'Update',
    apiVersion: 'v1',
    time: '2026-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
  },
]
const secrets = Buffer.from(
  JSON.stringify({
    kind: 'SecretList',
    apiVersion: 'v1',
    metadata: { resourceVersion: '1' },
    items: Array.from({ length: 2900 }, (_, i) => ({
      metadata: {
        name: `secret-${i}`,
        namespace: `team-${i % 20}`,
        uid: uid(),
        resourceVersion: String(1000 + i),
        creationTimestamp: '2026-01-01T00:00:00Z',
        labels: { app: 'shop', tier: 'backend' },
        managedFields: managed({ 'f:data': { '.': {}, 'f:password': {}, 'f:ca': {} }, 'f:type': {} }),
      },
      data: { password: randomBytes(24).toString('base64'), ca: randomBytes(900).toString('base64') },
      type: 'Opaque',
    })),
  }),
)
const pod = Buffer.from(
  JSON.stringify({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name: 'web-6d4b75cb6d-x2x7p',
      generateName: 'web-6d4b75cb6d-',
      namespace: 'shop',
      uid: uid(),
      resourceVersion: '123456',
      labels: { app: 'web', 'pod-template-hash': '6d4b75cb6d' },
      annotations: { 'prometheus.io/scrape': 'true' },
      managedFields: managed({
        'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:env': {} } } },
      }),
    },
    spec: {
      containers: [
        {
          name: 'web',
          image: `registry.example/shop/web@sha256:${randomBytes(32).toString('hex')}`,
          env: [
            { name: 'MODE', value: 'production' },
            { name: 'LISTEN', value: '0.0.0.0:8080' },
            { name: 'DB', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
          ],
          resources: { limits: { cpu: '500m', memory: '512Mi' } },
          volumeMounts: [
            { name: 'kube-api-access-7x2qk', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
          ],
        },
      ],
      nodeName: 'node-a',
      serviceAccountName: 'web',
    },
    status: {
      phase: 'Running',
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(type => ({
        type,
        status: 'True',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      })),
      podIP: '10.0.0.12',
    },
  }),
)
const log = Buffer.from(
  Array.from(
    { length: 40_000 },
    (_, i) =>
      `2026-01-01T00:00:${String(i % 60).padStart(2, '0')}Z level=info msg="request served" path=/api/v1/orders/${i} status=200 took=${i % 97}ms client=10.0.${i % 256}.7\n`,
  ).join(''),
)

/** Of 2 KB each, with a text of many lines. */
const events = Buffer.from(
  Array.from({ length: 2000 }, (_, i) =>
    JSON.stringify({
      type: 'MODIFIED',
      object: {
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { name: `page-${i}`, namespace: 'shop', uid: uid(), resourceVersion: `${i}` },
        data: { 'page.html': '<p>nothing to see here</p>\n'.repeat(60) },
      },
    }),
  ).join('\n'),
)

const WATCHES = 200
/** What `bench/objects.ts` writes, as a watch shows it. */
const event = Buffer.from(
  `${JSON.stringify({
    type: 'MODIFIED',
    object: {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: {
        name: 'ticker',
        namespace: 'bench',
        uid: uid(),
        resourceVersion: '4711',
        creationTimestamp: '2026-01-01T00:00:00Z',
        managedFields: managed({ 'f:data': { '.': {}, 'f:n': {} } }),
      },
      data: { n: '17' },
    },
  })}\n`,
)

function json(make: () => MaskEngine, bytes: Buffer, kind: string, sequence = false): () => void {
  let made: MaskEngine | undefined
  return () => {
    made ??= make()
    const mask = createAnswerMask(made, { read: 'json', group: '', kind, sequence, source: 'c' })
    for (let at = 0; at < bytes.length; at += 65_536) mask.push(bytes.subarray(at, at + 65_536))
    mask.end()
    if (mask.fault !== null) throw new Error(mask.fault)
  }
}

/** Watches that stay open, to each of which goes the same small event. */
function toEach(): () => void {
  let open: AnswerMask[] | undefined
  return () => {
    open ??= Array.from({ length: WATCHES }, () =>
      createAnswerMask(all, { read: 'json', group: '', kind: 'ConfigMap', sequence: true, source: 'c' }),
    )
    for (const mask of open) mask.push(event)
  }
}

function times(count: number, way: () => void): () => void {
  return () => {
    for (let i = 0; i < count; i++) way()
  }
}

const all = engine(shipped)
const PODS = 300
const wanted = process.argv[2] ?? ''
const ways: readonly { name: string; bytes: number; calls: number; way: () => void }[] = [
  {
    name: 'SecretList: JSON.parse, walk, stringify',
    bytes: secrets.length,
    calls: 1,
    way() {
      const list = JSON.parse(secrets.toString())
      for (const item of list.items) for (const name in item.data) item.data[name] = 'eA=='
      Buffer.from(JSON.stringify(list))
    },
  },
  {
    name: 'SecretList: rules by structure',
    bytes: secrets.length,
    calls: 1,
    way: json(() => engine(structural), secrets, 'Secret'),
  },
  {
    name: 'SecretList: all shipped rules',
    bytes: secrets.length,
    calls: 1,
    way: json(() => all, secrets, 'Secret'),
  },
  {
    name: 'SecretList: and 100,000 fingerprints',
    bytes: secrets.length,
    calls: 1,
    way: json(() => engine(shipped, 100_000), secrets, 'Secret'),
  },
  {
    name: 'Pod: all shipped rules',
    bytes: PODS * pod.length,
    calls: PODS,
    way: times(
      PODS,
      json(() => all, pod, 'Pod'),
    ),
  },
  {
    name: 'watch of ConfigMaps: all shipped rules',
    bytes: events.length,
    calls: 1,
    way: json(() => all, events, 'ConfigMap', true),
  },
  {
    name: 'watch: an event to each of 200',
    bytes: WATCHES * event.length,
    calls: WATCHES,
    way: toEach(),
  },
  {
    name: 'log: as a stream',
    bytes: log.length,
    calls: 1,
    way() {
      const mask = createAnswerMask(all, { read: 'text', source: 'c' })
      for (let at = 0; at < log.length; at += 65_536) mask.push(log.subarray(at, at + 65_536))
      mask.end()
    },
  },
]

const chosen = ways.filter(w => w.name.includes(wanted))
const taken = new Map<string, number[]>(chosen.map(w => [w.name, []]))
for (let round = -3; round < ROUNDS; round++) {
  for (const { name, way } of chosen) {
    const before = process.cpuUsage()
    way()
    const { user, system } = process.cpuUsage(before)
    if (round >= 0) taken.get(name)!.push(user + system)
  }
}
for (const { name, bytes, calls } of chosen) {
  const sorted = taken.get(name)!.sort((a, b) => a - b)
  const micros = sorted[Math.floor(sorted.length / 2)]!
  const each = calls === 1 ? `${(micros / 1000).toFixed(1)} ms` : `${(micros / calls).toFixed(1)} us each`
  console.log(
    `${name.padEnd(42)} ${each.padStart(16)} ${Math.round(bytes / micros)
      .toString()
      .padStart(6)} MB/s`,
  )
}
