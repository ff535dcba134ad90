import type { RequestCheck } from '../../src/kubernetes/request/refusals.ts'
import { type Draft, toBytes } from './draft.ts'
import { type Mutation, mutations } from './mutations.ts'
import type { Random } from './random.ts'
import { nonResourcePaths, resources } from './routes.ts'

export interface Generated {
  readonly bytes: Buffer
  /** What was done to a well-formed request: names of mutations, `bytes` for blind ones. */
  readonly how: readonly string[]
  /** Checks of the written list that this request may fail; null: bytes were changed blindly. */
  readonly may: ReadonlySet<RequestCheck> | null
}

/** A request as a client would write it, or the same with one or two tricks, or with bytes changed blindly. */
export function generate(random: Random): Generated {
  const draft = wellFormed(random)
  const kind = random.next()
  if (kind < 0.35) return { bytes: toBytes(draft), how: [], may: new Set() }
  if (kind > 0.85) return { bytes: changeBytes(toBytes(draft), random), how: ['bytes'], may: null }
  const applied: Mutation[] = []
  for (let left = random.chance(0.25) ? 2 : 1; left > 0; left--) {
    const mutation = random.pick(mutations)
    if (applied.includes(mutation)) continue
    mutation.apply(draft, random)
    applied.push(mutation)
  }
  return {
    bytes: toBytes(draft),
    how: applied.map(({ name }) => name),
    may: new Set(applied.flatMap(({ may }) => may)),
  }
}

const NAMES = [
  'web-0',
  'a',
  'my-app.v2',
  'coredns-5d78c9869d-abcde',
  'sh.helm.release.v1.app.v1',
  'x'.repeat(63),
]
const ROLE_NAMES = ['system:node', 'system:controller:job-controller', 'admin', 'a%20role', 'team@corp']
const NAMESPACES = ['default', 'kube-system', 'd', 'team-a', 'namespaces', 'pods']
const PROXY_TAILS = [
  '',
  '/',
  '/api/v1/query',
  '/metrics/',
  '/static/js/main.4f2.js',
  '/a%20b',
  '/x;y=1/z',
  '/v@2/~u',
]
const JSON_TYPES = [
  'application/json',
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/json; charset=utf-8',
]
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]
const ACCEPTS = [
  '*/*',
  'application/json',
  'application/json, */*',
  'application/vnd.kubernetes.protobuf,application/json',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
]
/** What proxies and browsers add and the parser leaves behind. */
const DROPPED: [string, string][] = [
  ['X-Forwarded-For', '192.0.2.7'],
  ['Forwarded', 'for=192.0.2.7'],
  ['X-Remote-User', 'admin'],
  ['X-Remote-Group', 'system:masters'],
  ['X-Remote-Extra-Scopes', 'all'],
  ['Range', 'bytes=0-99'],
  ['Cookie', 'a=b'],
  ['Audit-ID', '0000'],
  ['TE', 'trailers'],
  ['Keep-Alive', 'timeout=5'],
  ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
]
const LIST_QUERIES = [
  'limit=500',
  'watch=true',
  'watch',
  'watch=0',
  'watch=1',
  'watch=False',
  'watch=yes',
  'labelSelector=app%3Dweb',
  'labelSelector=app+in+%28a%2C+b%29',
  'labelSelector=a=b,!c',
  'fieldSelector=metadata.name%3Dweb-0',
  'fieldSelector=metadata.name==x,spec.nodeName!=n',
  'fieldSelector=status.phase%3DRunning',
  'resourceVersion=0',
  'resourceVersionMatch=NotOlderThan',
  'sendInitialEvents=true',
  'allowWatchBookmarks=true',
  'timeoutSeconds=412',
  'timeout=32s',
  'continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ',
  'pretty=true',
]
const WRITE_QUERIES = [
  'dryRun=All',
  'fieldManager=kubectl-client-side-apply',
  'fieldValidation=Strict',
  'force=true',
  'pretty',
]
const EXEC_QUERIES = [
  'command=sh',
  'command=-c',
  'command=echo+%22a%22%0A',
  'command=%C3%A9',
  'container=main',
  'stdin=true',
  'stdout=true',
  'tty=true',
]
const LOG_QUERIES = [
  'follow=true',
  'follow',
  'container=main',
  'tailLines=10',
  'timestamps=true',
  'sinceSeconds=5',
]
const OTHER_QUERIES = ['hash=AB12', 'x=%7B%7D', 'q=a/b?c', 'json={"a":1}', 'timeout=32s']

function wellFormed(random: Random): Draft {
  if (random.chance(0.12)) {
    return finish(
      'GET',
      random.pick(nonResourcePaths),
      random.chance(0.3) ? some(OTHER_QUERIES, random) : null,
      random,
    )
  }
  const { root, resource, subresource, namespaced, verbs } = random.pick(resources)
  const verb = random.pick([...verbs])
  const collection = 'lD'.includes(verb) || (verb === 'c' && subresource === '')
  const everywhere = verb === 'l' && random.chance(0.3)
  let path =
    namespaced && !everywhere
      ? `${root}/namespaces/${random.pick(NAMESPACES)}/${resource}`
      : `${root}/${resource}`
  if (!collection) path += `/${random.pick(resource.includes('role') ? ROLE_NAMES : NAMES)}`
  if (subresource !== '') path += `/${subresource}`
  if (subresource === 'proxy') path += random.pick(PROXY_TAILS)
  if (random.chance(0.15)) path = escapeOne(path, random)

  const method = methodOf(verb, subresource, random)
  let queries = method === 'GET' ? LIST_QUERIES : WRITE_QUERIES
  if (verb === 'x') queries = subresource === 'proxy' ? OTHER_QUERIES : EXEC_QUERIES
  else if (subresource === 'log') queries = LOG_QUERIES
  const draft = finish(method, path, random.chance(0.6) ? some(queries, random) : null, random)
  if (verb === 'x' && subresource !== 'proxy') addUpgrade(draft)
  else if ('cup'.includes(verb) || (verb === 'x' && method !== 'GET' && method !== 'HEAD')) {
    draft.headers.push(['Content-Type', random.pick(verb === 'p' ? PATCH_TYPES : JSON_TYPES)])
    if (random.chance(0.5)) draft.headers.push(['Content-Length', '2'])
    else draft.headers.push(['Transfer-Encoding', 'chunked'])
    draft.body = draft.headers.at(-1)![0] === 'Content-Length' ? '{}' : '2\r\n{}\r\n0\r\n\r\n'
  }
  return draft
}

function methodOf(verb: string, subresource: string, random: Random): string {
  if (verb === 'x')
    return random.pick(
      subresource === 'proxy' ? ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'] : ['GET', 'POST'],
    )
  return { l: 'GET', g: 'GET', c: 'POST', u: 'PUT', p: 'PATCH', d: 'DELETE', D: 'DELETE' }[verb]!
}

function finish(method: string, path: string, query: string[] | null, random: Random): Draft {
  const headers: [string, string][] = [['Host', 'cluster.example:6443']]
  if (random.chance(0.8)) headers.push(['User-Agent', 'kubectl/v1.36.3 (linux/amd64) kubernetes/0000000'])
  if (random.chance(0.7)) headers.push([random.chance(0.5) ? 'Accept' : 'accept', acceptFor(path, random)])
  if (random.chance(0.7)) headers.push(['Authorization', 'Bearer abc.def.ghi'])
  if (random.chance(0.5)) headers.push(['Accept-Encoding', 'gzip'])
  if (random.chance(0.2)) headers.push(random.pick(DROPPED))
  if (random.chance(0.2)) headers.push(['Connection', random.pick(['keep-alive', 'close', 'Keep-Alive'])])
  return { method, path, query, version: 'HTTP/1.1', headers, body: '' }
}

function acceptFor(path: string, random: Random): string {
  return path.endsWith('/log') ? '*/*' : random.pick(ACCEPTS)
}

function addUpgrade(draft: Draft): void {
  draft.headers = draft.headers.filter(([name]) => name !== 'Connection')
  draft.headers.push(['Connection', 'Upgrade'])
  if (draft.method === 'GET') {
    draft.headers.push(
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'MDEyMzQ1Njc4OWFiY2RlZg=='],
      ['Sec-WebSocket-Protocol', 'v5.channel.k8s.io'],
    )
  } else
    draft.headers.push(
      ['Upgrade', 'SPDY/3.1'],
      ['X-Stream-Protocol-Version', 'v5.channel.k8s.io'],
      ['X-Stream-Protocol-Version', 'v4.channel.k8s.io'],
    )
}

/** Different names only: a repeated one is a mutation. */
function some(from: readonly string[], random: Random): string[] {
  const chosen: string[] = []
  for (let left = 1 + random.below(3); left > 0; left--) {
    const pair = random.pick(from)
    const name = pair.split('=')[0]
    if (name === 'command' || !chosen.some(other => other.split('=')[0] === name)) chosen.push(pair)
  }
  return chosen
}

/** One letter or digit as a percent escape: the same path to everyone who decodes once. */
function escapeOne(path: string, random: Random): string {
  const at = random.below(path.length)
  const before = path[at - 1]
  if (!/[A-Za-z0-9]/.test(path[at]!) || before === '%' || path[at - 2] === '%') return path
  const code = path.charCodeAt(at).toString(16)
  return `${path.slice(0, at)}%${random.chance(0.5) ? code : code.toUpperCase()}${path.slice(at + 1)}`
}

const INTERESTING = '\0\t\n\r "#%&+,-./0:;<=>?@[\\]^_`{|}~\x7f\x80\xc3\xff'

function changeBytes(bytes: Buffer, random: Random): Buffer {
  const text = [...bytes.toString('latin1')]
  for (let left = 1 + random.below(3); left > 0; left--) {
    // Most of what matters stands at the front.
    const at = random.below(random.chance(0.7) ? Math.min(text.length, 80) : text.length)
    const byte = random.chance(0.5) ? random.pick([...INTERESTING]) : String.fromCharCode(random.below(256))
    const how = random.next()
    if (how < 0.4) text[at] = byte
    else if (how < 0.7) text.splice(at, 0, byte)
    else if (how < 0.85) text.splice(at, 1)
    else text.splice(at, 0, ...text.slice(at, at + 1 + random.below(12)))
  }
  return Buffer.from(text.join(''), 'latin1')
}
