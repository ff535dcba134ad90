import { gzipSync } from 'node:zlib'
import {
  base64,
  type Canary,
  emptyPlant,
  jwt,
  kubeconfig,
  lowercaseCore,
  type Plant,
  pem,
  randomCore,
} from './canary.ts'
import { helmRelease } from './helm-release.ts'
import { rot13 } from './search.ts'

interface Way {
  /** Also the name of its objects. */
  readonly name: string
  readonly outOfReach?: string
  /** Letters of the canary. */
  readonly length?: number
  readonly lowercase?: true
  put(core: string, name: string, plant: Plant): void
}

export const GROUP = 'leaks.example.com'

const metadata = (name: string, more: object = {}): object => ({ name, labels: { suite: 'leaks' }, ...more })

function secret(name: string, data: Record<string, string>, type = 'Opaque'): object {
  const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)]))
  return { apiVersion: 'v1', kind: 'Secret', metadata: metadata(name), type, data: encoded }
}

function configMap(name: string, data: Record<string, string>, annotations?: object): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(name, { annotations }), data }
}

function pod(name: string, container: object): object {
  const containers = [{ name: 'main', image: 'pause', ...container }]
  // Of a node that is not there: nothing runs, all is shown.
  const spec = { nodeName: 'nowhere', terminationGracePeriodSeconds: 0, containers }
  return { apiVersion: 'v1', kind: 'Pod', metadata: metadata(name), spec }
}

function ended(name: string, message: string, plant: Plant): void {
  plant.objects.push(pod(name, {}))
  plant.ended[name] = message
}

function event(name: string, message: string): object {
  const involvedObject = { kind: 'ConfigMap', name: 'leaks', apiVersion: 'v1', namespace: 'leaks' }
  const more = { reason: 'Failed', type: 'Warning', message, source: { component: 'leaks' } }
  const at = new Date().toISOString().replace(/\.\d+Z/, 'Z')
  return {
    ...{ apiVersion: 'v1', kind: 'Event', metadata: metadata(name), involvedObject, ...more },
    ...{ firstTimestamp: at, lastTimestamp: at, count: 1 },
  }
}

const vault = (name: string, spec: object): object => ({
  ...{ apiVersion: `${GROUP}/v1`, kind: 'Vault', metadata: metadata(name), spec },
})

const gadget = (name: string, spec: object): object => ({
  ...{ apiVersion: `${GROUP}/v1`, kind: 'Gadget', metadata: metadata(name), spec },
})

const workload = (name: string, env: object[]): object => {
  const labels = { app: name }
  const containers = [{ name: 'main', image: 'pause', env }]
  const template = { metadata: { labels }, spec: { nodeName: 'nowhere', containers } }
  return {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata(name) },
    spec: { replicas: 0, selector: { matchLabels: labels }, template },
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
const line = (text: string): string => `printf '%s\\n' ${quoted(text)}`

/** Tokens with a known form, put together here: no scanner of repositories takes them for leaks. */
const github = (core: string): string => `${'gh'}${'p_'}${core}`

/** Where secrets stand in a cluster. One line: one way in which a value can reach somebody. */
export const ways: readonly Way[] = [
  // Secrets, in all their types
  { name: 'secret', put: (c, n, p) => p.objects.push(secret(n, { key: c })) },
  // Too much like a word to be remembered: only the place tells what it is.
  { name: 'secret-plain', lowercase: true, put: (c, n, p) => p.objects.push(secret(n, { motd: c })) },
  { name: 'secret-word', put: (c, n, p) => p.objects.push(secret(n, { key: base64(c) })) },
  { name: 'secret-twice', put: (c, n, p) => p.objects.push(secret(n, { key: base64(base64(c)) })) },
  { name: 'secret-env', put: (c, n, p) => p.objects.push(secret(n, { '.env': `A=1\nB=${c}\n` })) },
  {
    name: 'secret-binary',
    put: (c, n, p) => p.objects.push(secret(n, { blob: `\u0001\u0002${c}\u0003\u0000` })),
  },
  {
    name: 'secret-basic',
    put: (c, n, p) =>
      p.objects.push(secret(n, { username: 'shop', password: c }, 'kubernetes.io/basic-auth')),
  },
  {
    name: 'secret-ssh',
    put: (c, n, p) => p.objects.push(secret(n, { 'ssh-privatekey': pem(c) }, 'kubernetes.io/ssh-auth')),
  },
  {
    name: 'secret-kubeconfig',
    put: (c, n, p) => p.objects.push(secret(n, { value: kubeconfig(c) }, 'cluster.x-k8s.io/secret')),
  },
  {
    name: 'registry',
    put: (c, n, p) => {
      const auths = { 'r.example.com': { username: 'u', password: c, auth: base64(`u:${c}`) } }
      const data = { '.dockerconfigjson': JSON.stringify({ auths }) }
      p.objects.push(secret(n, data, 'kubernetes.io/dockerconfigjson'))
    },
  },
  {
    name: 'registry-old',
    put: (c, n, p) => {
      const data = { '.dockercfg': JSON.stringify({ 'r.example.com': { auth: base64(`user:${c}`) } }) }
      p.objects.push(secret(n, data, 'kubernetes.io/dockercfg'))
    },
  },
  { name: 'helm-values', put: (c, n, p) => p.objects.push(helmRelease(n, { password: c }, '')) },
  { name: 'helm-secret', put: (c, n, p) => p.objects.push(helmRelease(n, {}, c)) },
  {
    name: 'applied-secret',
    put: (c, n, p) => p.applied.push({ ...secret(n, {}), stringData: { key: c } }),
  },
  { name: 'applied-data', put: (c, n, p) => p.applied.push(secret(n, { key: c })) },
  {
    name: 'bootstrap',
    length: 16,
    lowercase: true,
    put: (c, n, p) => {
      const data = { 'token-id': 'abcdef', 'token-secret': c }
      p.objects.push(secret(n, data, 'bootstrap.kubernetes.io/token'))
    },
  },
  // ConfigMaps, in the languages that configuration is written in
  { name: 'cm-key', put: (c, n, p) => p.objects.push(configMap(n, { password: c })) },
  {
    name: 'cm-properties',
    put: (c, n, p) =>
      p.objects.push(configMap(n, { 'a.properties': `db.user=shop\ndb.password=${c}\ndb.pool=5\n` })),
  },
  {
    name: 'cm-ini',
    put: (c, n, p) => p.objects.push(configMap(n, { 'a.ini': `[db]\nuser = shop\npassword = ${c}\n` })),
  },
  {
    name: 'cm-yaml',
    put: (c, n, p) => p.objects.push(configMap(n, { 'a.yaml': `db:\n  user: shop\n  password: "${c}"\n` })),
  },
  {
    name: 'cm-json',
    put: (c, n, p) => p.objects.push(configMap(n, { 'a.json': JSON.stringify({ db: { password: c } }) })),
  },
  {
    name: 'cm-env',
    put: (c, n, p) => p.objects.push(configMap(n, { '.env': `DB_USER=shop\nexport DB_PASSWORD=${c}\n` })),
  },
  { name: 'cm-kubeconfig', put: (c, n, p) => p.objects.push(configMap(n, { kubeconfig: kubeconfig(c) })) },
  {
    name: 'cm-address',
    put: (c, n, p) =>
      p.objects.push(configMap(n, { database: `postgres://shop:${c}@db.example.com:5432/shop` })),
  },
  { name: 'cm-pem', put: (c, n, p) => p.objects.push(configMap(n, { 'a.txt': `of the shop\n${pem(c)}` })) },
  { name: 'cm-jwt', put: (c, n, p) => p.objects.push(configMap(n, { note: `use ${jwt(c)} until May` })) },
  { name: 'cm-known-form', length: 36, put: (c, n, p) => p.objects.push(configMap(n, { a: github(c) })) },
  {
    name: 'cm-base64',
    put: (c, n, p) => p.objects.push(configMap(n, { a: base64(`user=shop\npassword=${c}\n`) })),
  },
  {
    name: 'cm-base64-twice',
    put: (c, n, p) => p.objects.push(configMap(n, { a: base64(base64(`password=${c}`)) })),
  },
  {
    name: 'cm-gzip',
    put: (c, n, p) => p.objects.push(configMap(n, { a: base64(gzipSync(`user=shop\npassword=${c}\n`)) })),
  },
  {
    name: 'cm-binary',
    put: (c, n, p) =>
      p.objects.push({ ...configMap(n, {}), binaryData: { a: base64(`password=${c}\nuser=shop`) } }),
  },
  {
    name: 'cm-manifest',
    put: (c, n, p) => {
      const text = `apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ndata:\n  a: ${base64(c)}\n`
      p.objects.push(configMap(n, { 'a.yaml': text }))
    },
  },
  {
    name: 'cm-manifest-json',
    put: (c, n, p) => {
      const text = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', stringData: { a: c } })
      p.objects.push(configMap(n, { 'a.json': text }))
    },
  },
  { name: 'applied-cm', put: (c, n, p) => p.applied.push(configMap(n, { 'a.env': `API_KEY=${c}\n` })) },
  // Pods and what makes them
  { name: 'env', put: (c, n, p) => p.objects.push(pod(n, { env: [{ name: 'DB_PASSWORD', value: c }] })) },
  {
    name: 'env-address',
    put: (c, n, p) => {
      const value = `amqp://shop:${c}@queue.example.com`
      p.objects.push(pod(n, { env: [{ name: 'QUEUE', value }] }))
    },
  },
  { name: 'args', put: (c, n, p) => p.objects.push(pod(n, { args: ['--user=a', `--password=${c}`] })) },
  { name: 'args-apart', put: (c, n, p) => p.objects.push(pod(n, { args: ['--token', c, '--v=2'] })) },
  {
    name: 'command',
    put: (c, n, p) =>
      p.objects.push(pod(n, { command: ['sh', '-c', `curl -u shop:${c} https://a.example.com`] })),
  },
  {
    name: 'command-env',
    put: (c, n, p) => p.objects.push(pod(n, { command: ['sh', '-c', `PGPASSWORD=${c} psql -h db`] })),
  },
  {
    name: 'probe-header',
    put: (c, n, p) => {
      const httpHeaders = [{ name: 'Authorization', value: `Bearer ${c}` }]
      p.objects.push(pod(n, { livenessProbe: { httpGet: { port: 80, httpHeaders } } }))
    },
  },
  {
    name: 'workload',
    put: (c, n, p) => p.objects.push(workload(n, [{ name: 'CLIENT_SECRET', value: c }])),
  },
  {
    name: 'applied-workload',
    put: (c, n, p) => p.applied.push(workload(n, [{ name: 'AWS_SECRET_ACCESS_KEY', value: c }])),
  },
  // Metadata
  {
    name: 'annotation',
    put: (c, n, p) => p.objects.push(configMap(n, {}, { 'example.com/db-password': c })),
  },
  {
    name: 'annotation-text',
    put: (c, n, p) => p.objects.push(configMap(n, {}, { 'example.com/note': `mysql://a:${c}@db` })),
  },
  {
    name: 'annotation-json',
    put: (c, n, p) => {
      const note = JSON.stringify({ inner: JSON.stringify({ apiKey: c }) })
      p.objects.push(configMap(n, {}, { 'example.com/note': note }))
    },
  },
  {
    name: 'label',
    put: (c, n, p) => {
      const labels = { suite: 'leaks', password: c }
      p.objects.push({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: n, labels } })
    },
  },
  // Objects of kinds that nobody has seen before
  { name: 'cr', put: (c, n, p) => p.objects.push(vault(n, { auth: { password: c } })) },
  { name: 'cr-list', put: (c, n, p) => p.objects.push(vault(n, { passwords: [c] })) },
  {
    name: 'cr-address',
    put: (c, n, p) => p.objects.push(vault(n, { remote: `redis://:${c}@cache.example.com:6379/0` })),
  },
  { name: 'cr-typed', put: (c, n, p) => p.objects.push(gadget(n, { size: 1, password: c })) },
  // A column shows it under a name that tells nothing.
  { name: 'cr-column', put: (c, n, p) => p.objects.push(gadget(n, { size: 1, apiKey: c })) },
  {
    name: 'cr-described',
    outOfReach:
      'a column shows it under a name that tells nothing, and its description does not tell its path',
    put: (c, n, p) => p.objects.push(gadget(n, { size: 1, clientSecret: c })),
  },
  {
    name: 'cr-own',
    lowercase: true,
    put: (c, n, p) => p.objects.push({ ...vault(n, { code: c }), kind: 'Crate' }),
  },
  { name: 'cr-set', put: (c, n, p) => p.objects.push(gadget(n, { size: 1, passwords: [c] })) },
  // What happens
  { name: 'event', put: (c, n, p) => p.objects.push(event(n, `login with password=${c} failed`)) },
  {
    name: 'event-address',
    put: (c, n, p) => p.objects.push(event(n, `dial postgres://a:${c}@db: connection refused`)),
  },
  { name: 'log', put: (c, _n, p) => p.log.push(line(`time=1 level=info password=${c} user=a`)) },
  { name: 'log-json', put: (c, _n, p) => p.log.push(line(JSON.stringify({ msg: 'in', api_key: c }))) },
  { name: 'log-header', put: (c, _n, p) => p.log.push(line(`> Authorization: Bearer ${c}`)) },
  {
    name: 'log-pieces',
    put: (c, _n, p) =>
      p.log.push(`printf '%s' 'DB_PASSWORD=${c.slice(0, 9)}'; sleep 0.05; printf '%s\\n' '${c.slice(9)}'`),
  },
  {
    // In a long line, so that the pieces in which it comes end within it, each time elsewhere. Below 16 KiB: the testbed's
    // kubelet cuts longer ones and, as kubelets of old, puts a time into the midst of them when it is asked for times.
    name: 'log-border',
    put: (c, n, p) => {
      const number = Number(n.split('-').at(-1))
      const width = 4096 * (1 + (number % 3)) - 7 * (number % 6)
      p.log.push(`printf '%0${width}d password=%s\\n' 0 ${c}`)
    },
  },
  { name: 'log-pem', put: (c, _n, p) => p.log.push(line(pem(c, 'EC PRIVATE KEY'))) },
  { name: 'log-env', put: (c, _n, p) => p.log.push(`API_TOKEN=${c} env | grep API_TOKEN`) },
  // Copies of what stands in a Secret, with nothing beside them that tells
  copied('copy-cm', (c, n, p) => p.objects.push(configMap(n, { motd: `welcome ${c} stranger` }))),
  copied('copy-base64', (c, n, p) => p.objects.push(configMap(n, { motd: base64(c) }))),
  copied('copy-within', (c, n, p) => p.objects.push(configMap(n, { motd: `see ${base64(c)} there` }))),
  copied('copy-annotation', (c, n, p) => p.objects.push(configMap(n, {}, { 'example.com/a': c }))),
  copied('copy-label', (c, n, p) => {
    const labels = { suite: 'leaks', kin: c }
    p.objects.push({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: n, labels } })
  }),
  copied('copy-cr', (c, n, p) => p.objects.push(vault(n, { text: c }))),
  copied('copy-column', (c, n, p) => p.objects.push(gadget(n, { size: 1, text: c }))),
  copied('copy-env', (c, n, p) => p.objects.push(pod(n, { env: [{ name: 'A', value: c }] }))),
  copied('copy-event', (c, n, p) => p.objects.push(event(n, `could not send ${c} to b`))),
  copied('copy-log', (c, _n, p) => p.log.push(line(`sent ${c} to b`))),
  copied('copy-colours', (c, _n, p) => p.log.push(line(`sent \u001b[31m${c}\u001b[0m to b`))),
  copied('copy-log-pieces', (c, _n, p) =>
    p.log.push(`printf '%s' 'sent ${c.slice(0, 9)}'; sleep 0.05; printf '%s\\n' '${c.slice(9)} to b'`),
  ),
  copied('copy-ended', (c, n, p) => ended(n, `gave up with ${c}`, p)),
  { name: 'ended', put: (c, n, p) => ended(n, `panic: password=${c}\ngoroutine 1`, p) },
  // What the documentation says is not found
  {
    name: 'a-word',
    outOfReach: 'a value in a place that nobody named',
    put: (c, n, p) => p.objects.push(configMap(n, { motd: c })),
  },
  {
    ...copied('glued', (c, n, p) => p.objects.push(configMap(n, { motd: `xx${c}yy` }))),
    outOfReach: 'glued to other letters',
  },
  {
    ...copied('cut', (c, n, p) => p.objects.push(configMap(n, { a: c.slice(0, 12), b: c.slice(12) }))),
    outOfReach: 'split over two fields',
  },
  {
    ...copied('reversed', (c, n, p) => p.objects.push(configMap(n, { a: [...c].reverse().join('') }))),
    outOfReach: 'reversed',
  },
  {
    ...copied('hex', (c, n, p) => p.objects.push(configMap(n, { a: Buffer.from(c).toString('hex') }))),
    outOfReach: 'in hexadecimal digits',
  },
  {
    ...copied('rot13', (c, n, p) => p.objects.push(configMap(n, { a: rot13(c) }))),
    outOfReach: 'by a cipher',
  },
  {
    ...copied('glued-base64', (c, n, p) => p.objects.push(configMap(n, { a: base64(`x${c}y`) }))),
    outOfReach: 'glued to other letters, then base64',
  },
]

/** A value that a Secret holds too. */
function copied(name: string, put: Way['put']): Way {
  return {
    name,
    put(core, object, plant) {
      plant.known[object] = core
      put(core, object, plant)
    },
  }
}

/** So many canaries, in all ways in turn. */
export function plantOf(count: number): Plant {
  const plant = emptyPlant()
  for (let i = 0; i < count; i++) {
    const way = ways[i % ways.length]!
    const name = `${way.name}-${Math.floor(i / ways.length)}`
    const core = way.lowercase === true ? lowercaseCore(way.length) : randomCore(way.length)
    const canary: Canary = { id: name, way: way.name, core, outOfReach: way.outOfReach ?? null }
    plant.canaries.push(canary)
    way.put(core, name, plant)
  }
  return plant
}
