import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { API_GROUP } from '../brand.ts'
import { chooseCluster, connectionNameOf } from './choose-cluster.ts'

const dir = mkdtempSync(join(tmpdir(), 'sallyport-choose-'))
after(() => rmSync(dir, { recursive: true }))

function kubeconfig(name: string, current: string, contexts: string[], extra = ''): string {
  const file = join(dir, name)
  const listed = contexts.map(c => `{name: ${c}, context: {cluster: c, user: u}}`).join(', ')
  writeFileSync(
    file,
    `apiVersion: v1\nkind: Config\ncurrent-context: ${current}\ncontexts: [${listed}]\n${extra}`,
  )
  return file
}

test('the current context of the kubeconfig is taken, and the file is not touched', () => {
  const file = kubeconfig('one', 'dev', ['dev', 'prod'])
  const before = readFileSync(file)
  assert.deepEqual(chooseCluster({ env: { KUBECONFIG: file } }), {
    kind: 'kubeconfig',
    file,
    context: 'dev',
    why: 'from KUBECONFIG',
  })
  assert.deepEqual(readFileSync(file), before)
})

test('a kubeconfig that we wrote is never the cluster, so that a second start does not find itself', () => {
  const ours = kubeconfig(
    'ours',
    'dev@gateway',
    ['dev@gateway'],
    `extensions: [{name: ${API_GROUP}, extension: {}}]\n`,
  )
  assert.equal(chooseCluster({ env: { KUBECONFIG: ours }, home: dir }).kind, 'demo')
  assert.throws(() => chooseCluster({ kubeconfig: ours, env: {} }), /written by Sallyport/)
})

test('without a cluster it is the demo one; what was named and is not there is an error', () => {
  assert.equal(chooseCluster({ env: {}, home: join(dir, 'nobody') }).kind, 'demo')
  assert.throws(() => chooseCluster({ kubeconfig: join(dir, 'missing'), env: {} }), /cannot read/)
  assert.throws(
    () => chooseCluster({ context: 'nope', env: {}, home: join(dir, 'nobody') }),
    /no kubeconfig has a context/,
  )
  const file = kubeconfig('two', 'dev', ['dev'])
  assert.throws(() => chooseCluster({ kubeconfig: file, context: 'nope', env: {} }), /no context named nope/)
})

test('an unreadable kubeconfig is named, its content is not quoted', () => {
  const file = join(dir, 'broken')
  writeFileSync(file, 'users: [{token: hunter2hunter2\n')
  assert.throws(
    () => chooseCluster({ kubeconfig: file, env: {} }),
    (error: Error) => error.message.includes(file) && !error.message.includes('hunter2'),
  )
})

test('every context name becomes a DNS label', () => {
  assert.equal(connectionNameOf('arn:aws:eks:eu-west-1:123456789012:cluster/Prod_EU'), 'prod-eu')
  assert.equal(connectionNameOf('kubernetes-admin@kubernetes'), 'kubernetes-admin-kubernetes')
  fc.assert(
    fc.property(fc.string(), name => {
      assert.match(connectionNameOf(name), /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
    }),
  )
})
