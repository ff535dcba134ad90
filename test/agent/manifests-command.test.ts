import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { type Ran, sallyport } from '../e2e/rig.ts'

const scratch = mkdtempSync(join(tmpdir(), 'sallyport-manifests-command-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

const connection = (name: string, groups: readonly string[]): string => {
  const file = join(scratch, `${name}.json`)
  const spec = { agents: ['far'], groupMappings: [{ group: 'corp:devs', upstream: groups }] }
  writeFileSync(
    file,
    JSON.stringify({ apiVersion: 'sallyport.dev/v1', kind: 'Connection', metadata: { name }, spec }),
  )
  return file
}
const prod = connection('prod', ['sallyport:devs'])
const manifests = (...args: string[]): Promise<Ran> => sallyport(['agent', 'manifests', ...args])

function objects(ran: Ran): Record<string, unknown>[] {
  assert.equal(ran.code, 0, ran.stderr)
  return parseAllDocuments(ran.stdout).map(each => (each as { toJS(): Record<string, unknown> }).toJS())
}

test('from a Connection document alone: two accounts, the groups of the mapping, the policy of the version', async () => {
  const ran = await manifests('-f', prod, '--bind', 'view', '--server-version', 'v1.33.2')
  const kinds = objects(ran).map(each => each.kind)
  assert.equal(kinds.filter(kind => kind === 'ServiceAccount').length, 2)
  assert.ok(kinds.includes('ValidatingAdmissionPolicy'))
  assert.match(ran.stdout, /- sallyport:devs/)
  assert.ok(!ran.stdout.includes('impersonate:user-info'))
  const newer = await manifests('-f', prod, '--server-version', '1.36')
  assert.match(newer.stdout, /impersonate:user-info/)
  assert.ok(!newer.stdout.includes('ValidatingAdmissionPolicy'), 'without a binder there is nothing to watch')
  const older = await manifests('-f', prod, '--bind', 'view', '--server-version', '1.29')
  assert.match(older.stdout, /nothing stops a stolen binder/)
})

test('what makes no sense is refused in words', async () => {
  const other = connection('other', ['sallyport:x'])
  for (const [expected, ...args] of [
    [/needs -f FILE/],
    [/name one connection with -c: prod, other/, '-f', prod, '-f', other],
    [/no connection nope/, '-f', prod, '-c', 'nope'],
    [/--server-version takes 1\.36/, '-f', prod, '--server-version', 'latest'],
    [/begin with sallyport-/, '-f', prod, '-n', 'kube-system'],
    [/cluster-admin: not a role/, '-f', prod, '--bind', 'cluster-admin'],
    [/belong together/, '-f', prod, '--image', 'x'],
    [/must be https/, '-f', prod, '--image', 'x', '--gateway-url', 'http://gw.example.com'],
    [/not in order/, '-f', connection('bad', ['system:masters'])],
  ] as const) {
    const ran = await manifests(...args)
    assert.notEqual(ran.code, 0, args.join(' '))
    assert.match(ran.stderr, expected)
    assert.equal(ran.stdout, '', 'nothing that kubectl could apply')
  }
})
