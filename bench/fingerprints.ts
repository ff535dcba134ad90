/**
 * What remembered values cost when ordinary answers are masked: `node bench/fingerprints.ts [rounds]`. A list of pods under
 * the shipped rules with a finder that never finds anything, with an empty set, and with sets of growing size; CPU time of
 * this process, the lowest of the rounds, which take turns and are short, so that other work on the machine spoils few.
 */
import { createHash, createSecretKey, randomBytes } from 'node:crypto'
import type { FingerprintFinder } from '../src/masking/contract.ts'
import { plausible } from '../src/masking/detect/plausible.ts'
import { createMaskEngines } from '../src/masking/engines.ts'
import { createFingerprints } from '../src/masking/fingerprints/fingerprints.ts'
import { FINGERPRINT_RULE } from '../src/masking/fingerprints/rule.ts'
import { JsonMasker } from '../src/masking/json/json-masker.ts'
import type { MaskEngine } from '../src/masking/json/mask-engine.ts'
import { createPlaceholders } from '../src/masking/placeholder.ts'
import { compileMasking } from '../src/masking/rules/compile.ts'
import { shippedDetectors } from '../src/masking/rules/detectors.ts'

const rounds = Number(process.argv[2] ?? 150)
const list = Buffer.from(JSON.stringify(podList(100)))
const masking = compileMasking([], shippedDetectors)
const rules = masking.for({
  connection: 'bench',
  principal: { issuer: 'i', subject: 's', username: 'u', groups: [] } as never,
  namespace: '',
  direction: 'response',
  now: Date.now(),
})

const never: FingerprintFinder = {
  mayHold: () => false,
  find: () => {},
  match: () => undefined,
  learn: () => {},
}
const sets: { readonly name: string; readonly engine: MaskEngine; best: number }[] = [
  { name: 'no set at all', engine: engineWith(never), best: Number.POSITIVE_INFINITY },
]
for (const size of [0, 1_000, 100_000]) {
  const fingerprints = createFingerprints({ key: createSecretKey(randomBytes(32)), rule: FINGERPRINT_RULE })
  const value = () => randomBytes(12 + (fingerprints.size % 28)).toString('base64')
  for (let place = 0; fingerprints.size < size; place += 1) {
    fingerprints.learn(value(), FINGERPRINT_RULE, `bench/${place % 50}`)
  }
  sets.push({ name: `${size} values`, engine: engineWith(fingerprints), best: Number.POSITIVE_INFINITY })
}

console.log(`${Math.round(list.length / 1000)} kB of pods, the lowest of ${rounds} rounds`)
for (let round = 0; round < rounds + 2; round += 1) {
  for (const set of sets) {
    const milliseconds = mask(set.engine)
    if (round >= 2) set.best = Math.min(set.best, milliseconds)
  }
}
const empty = sets[1]!.best
for (const { name, best } of sets) {
  const more = ((best / empty - 1) * 100).toFixed(1)
  console.log(
    `${name.padEnd(16)} ${best.toFixed(1).padStart(7)} ms  ${(list.length / best / 1000).toFixed(0).padStart(5)} MB/s  ${more.padStart(6)} % over an empty set`,
  )
}

function engineWith(fingerprints: FingerprintFinder): MaskEngine {
  return createMaskEngines({
    placeholders: createPlaceholders(randomBytes(32)),
    fingerprints,
    plausible,
    fingerprintOf: () => '',
  })(rules)
}

function mask(engine: MaskEngine): number {
  const before = process.cpuUsage()
  const masker = new JsonMasker(engine, { group: '', kind: 'PodList', sequence: false })
  for (let at = 0; at < list.length; at += 65_536) masker.push(list.subarray(at, at + 65_536))
  masker.end()
  if (masker.fault !== null) throw new Error(masker.fault)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** Pods as a cluster shows them, without a secret. Random, but the same at each run. */
function podList(count: number): object {
  let seed = 0
  const hex = (length: number): string => {
    seed += 1
    return createHash('sha256').update(String(seed)).digest('hex').slice(0, length)
  }
  const uid = () => [8, 4, 4, 4, 12].map(hex).join('-')
  const items = Array.from({ length: count }, (_, i) => {
    const app = ['web', 'api', 'worker', 'coredns', 'metrics-server'][i % 5]!
    const owner = `${app}-${hex(10)}`
    const image = `registry.example.com/team/${app}:v1.${i}.0`
    return {
      metadata: {
        name: `${owner}-${hex(5)}`,
        generateName: `${owner}-`,
        namespace: `team-${i % 20}`,
        uid: uid(),
        resourceVersion: String(100_000 + i),
        creationTimestamp: '2026-10-01T10:00:00Z',
        labels: { app, 'pod-template-hash': hex(10), 'app.kubernetes.io/name': app },
        annotations: { 'kubernetes.io/config.seen': '2026-10-01T10:00:00.000000000Z' },
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: uid(), controller: true },
        ],
        managedFields: [
          {
            manager: 'kube-controller-manager',
            operation: 'Update',
            apiVersion: 'v1',
            time: '2026-10-01T10:00:00Z',
            fieldsType: 'FieldsV1',
            fieldsV1: {
              'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
              'f:spec': { 'f:containers': { 'k:{"name":"main"}': { '.': {}, 'f:image': {}, 'f:env': {} } } },
            },
          },
        ],
      },
      spec: {
        volumes: [
          {
            name: `kube-api-access-${hex(5)}`,
            projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }] },
          },
        ],
        containers: [
          {
            name: 'main',
            image,
            args: [
              '--leader-elect=true',
              `--listen-address=0.0.0.0:${8000 + (i % 10)}`,
              '--config=/etc/config/app.yaml',
            ],
            env: [
              { name: 'LOG_LEVEL', value: 'info' },
              { name: 'DB_HOST', value: 'postgres.team.svc.cluster.local' },
            ],
            resources: { limits: { cpu: '500m', memory: '512Mi' } },
            volumeMounts: [{ name: 'token', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
            livenessProbe: { httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' } },
            terminationMessagePath: '/dev/termination-log',
            imagePullPolicy: 'IfNotPresent',
          },
        ],
        restartPolicy: 'Always',
        nodeName: `ip-10-0-${i % 250}-17.eu-central-1.compute.internal`,
        tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
      },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-10-01T10:00:05Z' }],
        podIP: `10.244.${i % 250}.7`,
        containerStatuses: [
          {
            name: 'main',
            state: { running: { startedAt: '2026-10-01T10:00:03Z' } },
            image,
            imageID: `registry.example.com/team/${app}@sha256:${hex(64)}`,
            containerID: `containerd://${hex(64)}`,
          },
        ],
      },
    }
  })
  return { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items }
}
