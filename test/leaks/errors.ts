import type { Hunt, RawOptions } from './hunt.ts'
import { GROUP } from './ways.ts'

const SECRET = '/api/v1/namespaces/leaks/secrets/secret-plain-0'
/** Its value was seen: what a policy says in its own words is searched for those only. */
const KNOWN = '/api/v1/namespaces/leaks/secrets/secret-0'
const MAP = '/api/v1/namespaces/leaks/configmaps/cm-key-0'
const POD = '/api/v1/namespaces/leaks/pods/env-0'
const GADGET = `/apis/${GROUP}/v1/namespaces/leaks/gadgets/cr-typed-0`
const VAULT = `/apis/${GROUP}/v1/namespaces/leaks/vaults/cr-0`
const CRATE = `/apis/${GROUP}/v1/namespaces/leaks/crates/cr-own-0`
const DEPLOYMENT = '/apis/apps/v1/namespaces/leaks/deployments/workload-0'

const patch = (type: string, body: unknown): RawOptions => ({
  method: 'PATCH',
  headers: { 'content-type': `application/${type}` },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const merge = (body: unknown): RawOptions => patch('merge-patch+json', body)
const strategic = (body: unknown): RawOptions => patch('strategic-merge-patch+json', body)
const operations = (...body: object[]): RawOptions => patch('json-patch+json', body)

/**
 * Requests whose answers quote what is in the cluster, or would tell whether a guess is right. Each is wrong, a dry run or a
 * conflict; none changes a stored value.
 */
export const wrongWrites: readonly (readonly [string, RawOptions])[] = [
  // Of the wrong type: decoders quote the text around the place.
  [SECRET, merge({ immutable: 'yes' })],
  [SECRET, merge({ data: 'x' })],
  [SECRET, merge({ data: { motd: 5 } })],
  [SECRET, merge({ metadata: 5 })],
  [SECRET, merge({ metadata: { labels: 5 } })],
  [SECRET, merge({ stringData: [1] })],
  [SECRET, merge({ type: 'another' })],
  [SECRET, merge({ data: { 'a key': 'eA==' } })],
  [SECRET, merge({ data: { more: '***' } })],
  [SECRET, strategic({ immutable: 'yes' })],
  [SECRET, strategic({ data: { more: '***' } })],
  [SECRET, strategic({ data: 'x' })],
  [SECRET, operations({ op: 'add', path: '/immutable', value: 'yes' })],
  [SECRET, operations({ op: 'add', path: '/data/a', value: '***' })],
  [SECRET, operations({ op: 'replace', path: '/data/none', value: 'eA==' })],
  [SECRET, operations({ op: 'remove', path: '/data/motd/more' })],
  [SECRET, operations({ op: 'add', path: '/data/motd/0', value: 'x' })],
  [SECRET, operations({ op: 'test', path: '/data/motd', value: 'eA==' })],
  [SECRET, operations({ op: 'test', path: '/data', value: {} })],
  [SECRET, operations({ op: 'test', path: '', value: {} })],
  [SECRET, operations({ op: 'copy', from: '/data/motd', path: '/metadata/annotations' })],
  [SECRET, operations({ op: 'copy', from: '/data/motd', path: '/metadata/labels/a' })],
  [SECRET, operations({ op: 'copy', from: '/data', path: '/metadata/annotations' })],
  [SECRET, operations({ op: 'move', from: '/data/motd', path: '/metadata/annotations' })],
  [SECRET, operations({ op: 'copy', from: '', path: '/metadata/annotations' })],
  [SECRET, operations({ op: 'copy', from: '/data/motd', path: '/type' })],
  [MAP, merge({ immutable: 'yes' })],
  [MAP, merge({ data: 'x' })],
  [MAP, merge({ data: { a: 5 } })],
  [MAP, merge({ binaryData: { password: 'eA==' } })],
  [MAP, operations({ op: 'copy', from: '/data/password', path: '/data/motd' })],
  [MAP, operations({ op: 'move', from: '/data/password', path: '/data/motd' })],
  [MAP, operations({ op: 'test', path: '/data/password', value: 'x' })],
  [MAP, operations({ op: 'add', path: '/immutable', value: 'x' })],
  [POD, merge({ spec: { containers: 'x' } })],
  [POD, merge({ spec: { terminationGracePeriodSeconds: 'x' } })],
  [POD, strategic({ spec: { containers: [{ name: 'main', env: [{ name: 'DB_PASSWORD', value: 'x' }] }] } })],
  [POD, strategic({ spec: { containers: [{ name: 'main', image: 5 }] } })],
  [POD, strategic({ spec: { hostNetwork: true } })],
  [POD, operations({ op: 'replace', path: '/spec/containers/0/env/0/name', value: 'MOTD' })],
  [POD, operations({ op: 'add', path: '/spec/containers/0/env/0/valueFrom', value: { fieldRef: {} } })],
  [DEPLOYMENT, strategic({ spec: { selector: { matchLabels: { app: 'x' } } } })],
  [DEPLOYMENT, merge({ spec: { template: { spec: { containers: 'x' } } } })],
  [
    DEPLOYMENT,
    operations({
      op: 'copy',
      from: '/spec/template/spec/containers/0/env/0/value',
      path: '/metadata/annotations/a',
    }),
  ],
  // What a schema refuses is quoted.
  [GADGET, merge({ spec: { size: 1000 } })],
  [GADGET, merge({ spec: { size: 'x' } })],
  [GADGET, merge({ spec: { text: 5 } })],
  [GADGET, merge({ spec: 'x' })],
  [GADGET, merge({ spec: { unknown: 1 } })],
  [GADGET, merge({ metadata: 5 })],
  [GADGET, operations({ op: 'test', path: '/spec/password', value: 'x' })],
  [GADGET, operations({ op: 'copy', from: '/spec/password', path: '/spec/size' })],
  [GADGET, operations({ op: 'copy', from: '/spec/password', path: '/spec/text' })],
  [GADGET, operations({ op: 'copy', from: '/spec', path: '/spec/text' })],
  [VAULT, operations({ op: 'copy', from: '/spec/auth/password', path: '/spec/text' })],
  [VAULT, operations({ op: 'move', from: '/spec/auth', path: '/spec/open' })],
  [VAULT, operations({ op: 'move', from: '/spec/auth/password', path: '/metadata/labels/a' })],
  [VAULT, operations({ op: 'copy', from: '/spec/auth', path: '/kind' })],
  [CRATE, operations({ op: 'test', path: '/spec/code', value: 'x' })],
  [CRATE, operations({ op: 'copy', from: '/spec/code', path: '/spec/text' })],
  [CRATE, merge({ kind: 'Vault' })],
  [CRATE, merge({ metadata: { labels: 5 } })],
  // Policies of the cluster that quote what they refuse or warn of.
  ...['deny', 'warn'].flatMap((word): [string, RawOptions][] => {
    const change = merge({ metadata: { annotations: { [`example.com/${word}`]: 'x' } } })
    return [KNOWN, MAP, MAP.replace('cm-key', 'cm-ini'), MAP.replace('cm-key', 'copy-cm')].map(path => [
      `${path}?dryRun=All`,
      change,
    ])
  }),
  // Server-side apply.
  [`${SECRET}?fieldManager=guess&dryRun=All`, apply('Secret', 'secret-plain-0', { data: { motd: 'eA==' } })],
  [`${MAP}?fieldManager=guess&dryRun=All`, apply('ConfigMap', 'cm-key-0', { data: { password: 'x' } })],
  [`${MAP}?fieldManager=guess&dryRun=All`, apply('ConfigMap', 'cm-key-0', { data: { more: 'x' } })],
  [`${MAP}?fieldManager=guess&dryRun=All`, apply('ConfigMap', 'cm-key-0', { data: 'x' })],
  // Collections.
  ['/api/v1/namespaces/leaks/secrets?dryRun=All', { method: 'DELETE' }],
  ['/api/v1/namespaces/leaks/configmaps?dryRun=All', { method: 'DELETE' }],
  [`/apis/${GROUP}/v1/namespaces/leaks/gadgets?dryRun=All`, { method: 'DELETE' }],
  [`${SECRET}?dryRun=All`, { method: 'DELETE' }],
]

function apply(kind: string, name: string, more: object): RawOptions {
  return patch('apply-patch+yaml', { apiVersion: 'v1', kind, metadata: { name }, ...more })
}

/** Sends all of them; resolves with `status method path` of each, for the test's output. */
export async function provoke(hunt: Hunt): Promise<Map<number, number>> {
  const statuses = new Map<number, number>()
  for (const [path, options] of wrongWrites) {
    const { status } = await hunt.raw(path, options)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  return statuses
}
