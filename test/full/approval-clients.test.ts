/** A hold as the users of each client meet it: the same sentences for kubectl, client-go, Python, JavaScript and Helm. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ApprovalItem } from '../../src/api/schema/approvals.ts'
import { buildProgram } from '../../testbed/build-program.ts'
import { type People, startPeople } from '../approvals/rig.ts'
import { pythonWithKubernetes } from '../clients/python.ts'
import { expectStatus } from '../e2e/call.ts'
import { type Ran, runProgram } from '../e2e/rig.ts'

type Kind = 'namespace' | 'configmap' | 'limitrange'
interface Client {
  readonly name: string
  readonly kinds: readonly Kind[]
  /** Deletes one object of namespace `default`, or what Helm has put there as a release of this name. */
  remove(kubeconfig: string, kind: Kind, name: string): Promise<Ran>
}

const programs = { goclient: '', helm: '', python: '' }
const clientFile = (name: string): string => join(import.meta.dirname, '..', 'clients', name)
let home: string

/** Nothing of the machine's own configuration. */
const run = (command: string, args: readonly string[]): Promise<Ran> =>
  runProgram(command, args, { env: { HOME: home, KUBECONFIG: '' }, timeout: 180_000 })

const everything = ['namespace', 'configmap', 'limitrange'] as const
const clients: readonly Client[] = [
  {
    name: 'kubectl',
    kinds: everything,
    remove: (file, kind, name) =>
      run(people.cluster.kubectl, ['--kubeconfig', file, 'delete', kind, name, '--wait=false']),
  },
  {
    name: 'client-go',
    kinds: everything,
    remove: (file, kind, name) =>
      run(programs.goclient, ['--kubeconfig', file, '--timeout', '170s', '--delete', `${kind}/${name}`]),
  },
  {
    name: 'Python',
    kinds: everything,
    remove: (file, kind, name) =>
      run(programs.python, [clientFile('remove.py'), file, 'default', kind, name]),
  },
  {
    name: 'JavaScript',
    kinds: everything,
    remove: (file, kind, name) =>
      run(process.execPath, [clientFile('remove.ts'), file, 'default', kind, name]),
  },
  {
    name: 'Helm',
    kinds: ['configmap', 'limitrange'],
    // Without --debug Helm keeps the reason of a failed deletion to itself.
    remove: (file, _, name) => run(programs.helm, ['--kubeconfig', file, 'uninstall', name, '--debug']),
  },
]

let people: People

before(
  async () => {
    home = mkdtempSync(join(tmpdir(), 'sallyport-clients-'))
    programs.goclient = await buildProgram('goclient')
    programs.helm = await buildProgram('helm')
    programs.python = await pythonWithKubernetes()
    const held = (name: string, resources: string, more: object = {}): object => ({
      name,
      effect: 'hold',
      match: {
        principals: { groups: ['corp:dev'] },
        ...{ verbs: ['delete'], apiGroups: [''], resources: [resources] },
      },
      approval: { approvers: [{ groups: ['corp:oncall'] }], ...more },
    })
    people = await startPeople([
      held('namespaces', 'namespaces'),
      held('configmaps', 'configmaps'),
      held('brief', 'limitranges', { deadline: '1m' }),
    ])
    for (const client of clients) {
      // In both groups: what stops them is only that they ask themselves.
      for (const part of ['one', 'two', 'three']) {
        const login = userOf(client, part)
        const person = { subject: `user-${login}`, name: login, email: `${login}@corp.example` }
        people.provider.users.set(login, { ...person, groups: ['dev', 'oncall'] })
      }
    }
  },
  { timeout: 900_000 },
)
after(async () => {
  await people?.stop()
  rmSync(home, { recursive: true, force: true })
})

const userOf = (client: Client, part: string): string => `${client.name.toLowerCase()}-${part}`

/** An object as this client's users have made it. */
async function make(client: Client, kind: Kind, name: string): Promise<void> {
  if (kind === 'namespace') return void (await people.directly('create', 'namespace', name))
  const spec = kind === 'limitrange' ? '{"spec": {"limits": []}}' : '{"data": {"a": "1"}}'
  const object = {
    apiVersion: 'v1',
    kind: kind === 'limitrange' ? 'LimitRange' : 'ConfigMap',
    metadata: { name },
  }
  const manifest = JSON.stringify({ ...object, ...JSON.parse(spec) })
  const folder = mkdtempSync(join(home, 'chart-'))
  if (client.name !== 'Helm') {
    writeFileSync(join(folder, 'object.json'), manifest)
    return void (await people.directly('apply', '-f', join(folder, 'object.json')))
  }
  mkdirSync(join(folder, 'templates'))
  writeFileSync(join(folder, 'Chart.yaml'), `{"apiVersion": "v2", "name": "${name}", "version": "0.1.0"}`)
  writeFileSync(join(folder, 'templates', 'object.yaml'), manifest)
  const done = await run(programs.helm, ['--kubeconfig', people.cluster.kubeconfig, 'install', name, folder])
  assert.equal(done.code, 0, done.stderr)
}

/** `yes`, or nothing when it is gone or going. */
async function isThere(kind: Kind, name: string): Promise<boolean> {
  const template = '{{if not .metadata.deletionTimestamp}}yes{{end}}'
  const args = ['get', kind, name, '--ignore-not-found', '-o', `go-template=${template}`]
  return (await people.directly(...args)) === 'yes'
}

async function decide(who: string, verdict: 'approve' | 'deny', id: string): Promise<Ran> {
  return people.command(who, ['approval', verdict, id, '--reason', 'INC-42'])
}

async function cancelled(who: string, id: string): Promise<void> {
  const done = await people.command(who, ['approval', 'cancel', id, '--reason', 'not needed'])
  assert.equal(done.code, 0, done.stderr)
}

const words = (kind: Kind, name: string): RegExp => new RegExp(`delete ${kind} ${name}\\b`)

async function approvalOf(id: string): Promise<ApprovalItem> {
  return (await people.approvals()).find(one => one.id === id)!
}

for (const client of clients) {
  const lower = client.name.toLowerCase()
  const start = async (part: string, kind: Kind, name: string): Promise<Promise<Ran>[]> => {
    await make(client, kind, name)
    return [client.remove(await people.kubeconfig(userOf(client, part)), kind, name)]
  }

  describe(client.name, () => {
    for (const kind of client.kinds.filter(one => one !== 'limitrange')) {
      test(`deletes a ${kind}: it waits, another person approves, and the same call completes; the trail has it all`, async () => {
        const name = `${lower}-yes-${kind}`
        const [running] = await start('one', kind, name)
        const waits = await people.pending(words(kind, name))
        assert.ok(await isThere(kind, name))
        assert.equal((await decide('bob', 'approve', waits.id)).code, 0)
        const done = await running!
        assert.equal(done.code, 0, done.stderr + done.stdout)
        assert.ok(!(await isThere(kind, name)))
        // One request, however long it took.
        assert.equal((await approvalOf(waits.id)).calls.length, 1)
        const token = await people.token('bob')
        const entry = await expectStatus(200, people.up, `/v1/audit/entries/${waits.calls[0]}`, { token })
        const { facts, decision, result } = entry.json.entry.head
        assert.equal(waits.requester.username, `corp:user-${userOf(client, 'one')}`)
        assert.match(decision.reason, /approved by corp:user-bob/)
        assert.deepEqual([facts.grant.approvers, facts.grant.reason], [['corp:user-bob'], 'INC-42'])
        assert.equal(result.code, 200)
      })
    }

    test('is told who refused it, and why', async () => {
      const [running] = await start('one', 'configmap', `${lower}-no`)
      const waits = await people.pending(words('configmap', `${lower}-no`))
      assert.equal((await decide('dave', 'deny', waits.id)).code, 0)
      const done = await running!
      assert.notEqual(done.code, 0)
      assert.match(done.stderr + done.stdout, /corp:user-dave denied approval .*INC-42/s)
      assert.ok(await isThere('configmap', `${lower}-no`))
    })

    test('nobody approves what he asked for himself, although he is an approver', async () => {
      const user = userOf(client, 'one')
      const [running] = await start('one', 'configmap', `${lower}-own`)
      const waits = await people.pending(words('configmap', `${lower}-own`))
      const own = await decide(user, 'approve', waits.id)
      assert.notEqual(own.code, 0)
      assert.match(own.stderr, /second-person/)
      assert.equal((await approvalOf(waits.id)).state, 'pending')
      await cancelled(user, waits.id)
      const done = await running!
      assert.notEqual(done.code, 0)
      assert.match(done.stderr + done.stdout, /not needed/)
      assert.ok(await isThere('configmap', `${lower}-own`))
    })

    test('a target that has changed is held again, under another approval', async () => {
      const name = `${lower}-moving`
      const [running] = await start('two', 'configmap', name)
      const first = await people.pending(words('configmap', name))
      await people.directly('patch', 'configmap', name, '-p', '{"data":{"a":"2"}}')
      assert.equal((await decide('bob', 'approve', first.id)).code, 0)
      const second = await people.pending(words('configmap', name))
      assert.notEqual(second.id, first.id)
      assert.ok(await isThere('configmap', name))
      assert.equal((await decide('bob', 'approve', second.id)).code, 0)
      const done = await running!
      assert.equal(done.code, 0, done.stderr + done.stdout)
      assert.ok(!(await isThere('configmap', name)))
    })

    test('a restart of the gateway while it waits: the approval is still there, and what is approved then happens once', async () => {
      const name = `${lower}-restart`
      const [running] = await start('two', 'configmap', name)
      const waits = await people.pending(words('configmap', name))
      await people.restart(true)
      // Some clients give up with their connection, some ask again by themselves.
      assert.equal((await people.pending(words('configmap', name))).id, waits.id)
      assert.equal((await decide('bob', 'approve', waits.id)).code, 0)
      const done = await running!
      if (done.code !== 0) {
        const again = await client.remove(await people.kubeconfig(userOf(client, 'two')), 'configmap', name)
        assert.equal(again.code, 0, again.stderr + again.stdout)
      }
      assert.ok(!(await isThere('configmap', name)))
      const grants = await people.command('bob', ['grant', 'list', '-o', 'json'])
      const used = JSON.parse(grants.stdout).items.filter(
        (one: { approval: string }) => one.approval === waits.id,
      )
      assert.deepEqual(
        used.map((one: { state: string }) => one.state),
        ['used'],
      )
    })

    test('two at once for one approval: one of them deletes, the other never does', async () => {
      const name = `${lower}-race`
      const file = await people.kubeconfig(userOf(client, 'two'))
      await make(client, 'configmap', name)
      const both = [client.remove(file, 'configmap', name), client.remove(file, 'configmap', name)]
      const waits = await people.pending(words('configmap', name))
      assert.equal((await decide('bob', 'approve', waits.id)).code, 0)
      const ended = await Promise.all(both)
      assert.ok(!(await isThere('configmap', name)))
      // The second finds nothing to delete, as it would without us.
      const codes = ended.map(one => one.code)
      assert.ok(codes.includes(0), JSON.stringify(ended))
      const token = await people.token('bob')
      const query = `connection=prod&verb=delete&name=${name}&code=200`
      const found = await expectStatus(200, people.up, `/v1/audit/entries?${query}`, { token })
      // What approvers see beforehand comes from a dry run, and is in the trail as such.
      const rows = found.json.items as { head: { action?: { dryRun?: boolean } }; sentence: string }[]
      const done = rows.filter(row => row.head.action?.dryRun !== true)
      assert.equal(done.length, 1, done.map(row => row.sentence).join('\n'))
    })
  })
}

test('what nobody decides in time is refused, and says so, to each client', async () => {
  const asked = clients.map(async client => {
    const name = `ignored-${client.name.toLowerCase()}`
    await make(client, 'limitrange', name)
    return {
      name,
      done: await client.remove(await people.kubeconfig(userOf(client, 'three')), 'limitrange', name),
    }
  })
  for (const { name, done } of await Promise.all(asked)) {
    assert.notEqual(done.code, 0, name)
    assert.match(done.stderr + done.stdout, /nobody decided|expired/, name)
    assert.ok(await isThere('limitrange', name))
  }
})
