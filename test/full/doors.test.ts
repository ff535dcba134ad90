/**
 * Every second door, tried by kubectl and in plain requests, by a person, a pod, a CI run and an AI agent. All of them may do
 * everything in the cluster; the shipped presets, a few deny rules and what is closed by default are all that stands in between.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { expectStatus } from '../e2e/call.ts'
import { clusterEvents } from '../e2e/cluster-audit.ts'
import { type Caller, type DoorRig, type Kind, kinds, startDoors, trailOf } from './doors/callers.ts'
import { type Client, clients, type Door, forClient, get, type Raw, SHOP, TREASURE } from './doors/door.ts'
import { differences, furnishFor, picture } from './doors/furnish.ts'
import { guards } from './doors/guards.ts'
import { podDoors } from './doors/pods.ts'
import { readDoors } from './doors/reads.ts'
import { rightDoors } from './doors/rights.ts'
import { sendRaw } from './doors/send.ts'
import { writeDoors } from './doors/writes.ts'

const doors: readonly Door[] = [...readDoors, ...podDoors, ...rightDoors, ...writeDoors]
/** For work on some of them: a pattern for their names. */
const only = new RegExp(process.env.SALLYPORT_TEST_DOORS ?? '')

let rig: DoorRig
let over = false
let denying: Promise<void>

before(
  async () => {
    rig = await startDoors(guards)
    denying = denyWhatWaits()
    // Controllers have seen what there is.
    await settled()
  },
  { timeout: 600_000 },
)
after(async () => {
  over = true
  await denying
  await rig?.stop()
})

async function settled(): Promise<ReadonlyMap<string, string>> {
  const deadline = Date.now() + 60_000
  for (let last = await picture(rig.direct); ; ) {
    await sleep(500)
    const now = await picture(rig.direct)
    const differ = differences(last, now)
    if (differ.length === 0) return now
    assert.ok(Date.now() < deadline, differ.join('\n'))
    last = now
  }
}

/** The second person says no to everything. */
async function denyWhatWaits(): Promise<void> {
  while (!over) {
    const { json } = await expectStatus(200, rig.up, '/v1/approvals?state=pending', { token: rig.admin })
    for (const { id } of json.items) {
      const body = { verdict: 'deny', reason: 'nobody may' }
      await expectStatus(200, rig.up, `/v1/approvals/${id}/decide`, {
        method: 'POST',
        token: rig.admin,
        body,
      })
    }
    await sleep(100)
  }
}

function assertRefusal(door: Door, text: string, told: Door['kubectlIsTold'] = undefined): void {
  assert.ok(!text.includes(TREASURE) && !text.includes(Buffer.from(TREASURE).toString('base64')), text)
  if (told === 'its own words') return
  if (told !== undefined) assert.ok(text.includes(told), text)
  else if (door.effect === 'hold') assert.match(text, /denied approval/)
  else if (door.rule !== 'none') assert.ok(text.includes(door.rule), `${door.rule} in ${text}`)
}

async function byKubectl(door: Door, caller: Caller): Promise<void> {
  if (door.kubectl === 'raw only') return
  // A person works in a session, the others with what they have.
  const token = caller.kind === 'person' ? await rig.session(caller) : caller.token
  const kubeconfig = rig.kubeconfig(caller.id, token)
  const stdin = door.stdin === undefined ? {} : { stdin: JSON.stringify(door.stdin) }
  const done = await runKubectl(rig.cluster, door.kubectl, { kubeconfig, ...stdin })
  assert.notEqual(done.code, 0, `kubectl ${door.kubectl.join(' ')}: ${done.stdout}${done.stderr}`)
  assertRefusal(door, done.stdout + done.stderr, door.kubectlIsTold)
  const before = door.kubectlIsTold !== undefined && door.kubectlIsTold !== 'its own words'
  const entries = await assertTrail(door, caller, before ? 0 : 1)
  if (before) assert.ok(entries.some(({ head }) => head.result?.code === 400))
}

async function byRawHttp(door: Door, caller: Caller): Promise<void> {
  let judged = 0
  for (const raw of door.raw) {
    const answer = await sendRaw(rig.up, raw, caller.token)
    const what = `${raw.method} ${raw.path}: ${answer.status} ${answer.body}`
    if (raw.refused !== undefined) {
      assert.equal(answer.status, 400, what)
      assert.ok(answer.body.includes(raw.refused), what)
    } else {
      judged += 1
      assert.equal(answer.status, 403, what)
      if (raw.method !== 'HEAD') assertRefusal(door, what)
    }
  }
  const entries = await assertTrail(door, caller, judged)
  const refused = door.raw.filter(raw => raw.refused !== undefined)
  assert.equal(entries.filter(({ head }) => head.result?.code === 400).length, refused.length)
}

/** The trail has each attempt, by whom, and what stopped it. */
async function assertTrail(
  door: Door,
  caller: Caller,
  least: number,
): Promise<Awaited<ReturnType<typeof trailOf>>> {
  const entries = await trailOf(rig, caller)
  for (const { head } of entries) assert.equal(head.principal?.kind, caller.kind)
  const stopped = entries.filter(
    ({ head: { decision } }) =>
      decision?.effect === door.effect && (door.rule === 'none' || decision.rules.includes(door.rule)),
  )
  assert.ok(stopped.length >= least, `${stopped.length} entries of ${least}: ${JSON.stringify(entries)}`)
  return entries
}

const READS = new Set(['get', 'list', 'watch'])

/** The cluster's own log: of these callers nothing but reads of other things, trials and questions about themselves. */
function assertNothingArrived(door: Door, ids: readonly string[]): void {
  for (const { impersonatedUser, verb, requestURI, objectRef } of clusterEvents(rig.cluster)) {
    const name = impersonatedUser?.username
    if (name === undefined || !ids.some(id => name.endsWith(`:${id}`))) continue
    const what = `${name}: ${verb} ${requestURI}`
    const { resource = '' } = objectRef ?? {}
    assert.ok(door.unread?.includes(resource) !== true, what)
    const harmless =
      READS.has(verb) || requestURI.includes('dryRun=All') || resource.startsWith('selfsubject')
    assert.ok(harmless, what)
  }
}

const wordOf = (door: Door, client: Client): string => `${client === 'raw' ? 'r' : 'k'}${doors.indexOf(door)}`
const cells = kinds.flatMap(kind => clients.map(client => [kind, client] as const))

for (const door of doors) {
  const name = `${door.number} ${door.title}`
  if (!only.test(name)) continue
  const clientsOf = door.kubectl === 'raw only' ? 'raw requests' : 'kubectl and raw requests'
  test(`${name}: closed to ${clientsOf} of everybody`, { timeout: 120_000 }, async () => {
    let made = 0
    for (const client of clients) made += await furnishFor(rig.direct, door, wordOf(door, client))
    const before = made === 0 ? await picture(rig.direct) : await settled()
    const faults: string[] = []
    const one = async (kind: Kind, client: Client): Promise<string> => {
      const id = `${kind}-${wordOf(door, client)}`
      const caller = await rig.caller(kind, id)
      const own = forClient(door, wordOf(door, client))
      await (client === 'kubectl' ? byKubectl(own, caller) : byRawHttp(own, caller)).catch(error =>
        faults.push(`${kind} by ${client}: ${error.message}`),
      )
      return id
    }
    const ids = await Promise.all(cells.map(([kind, client]) => one(kind, client)))
    assert.deepEqual(faults, [])
    assertNothingArrived(door, ids)
    assert.deepEqual(differences(before, await picture(rig.direct)), [])
  })
}

test('the reads of an agent across all namespaces are counted, by whichever door', async () => {
  const agent = await rig.caller('agent', 'reader-agent')
  const person = await rig.caller('person', 'reader-person')
  const accept = (as: string): object => ({
    headers: { accept: `application/json;as=${as};g=meta.k8s.io;v=v1` },
  })
  const ways: readonly Raw[] = [
    get('/api/v1/pods'),
    get('/api/v1/pods?fieldSelector=metadata.namespace%3Dshop'),
    get('/api/v1/configmaps?limit=1'),
    get('/apis/apps/v1/deployments', accept('Table')),
    get('/apis/apps/v1/deployments', accept('PartialObjectMetadataList')),
  ]
  const asked = async (way: Raw, caller: Caller): Promise<number> => {
    const answer = await sendRaw(rig.up, way, caller.token).catch(error => {
      throw new Error(`${caller.kind} at ${way.path}: ${error.message}`)
    })
    return answer.status
  }
  for (let i = 0; i < 30; i++) assert.equal(await asked(ways[i % ways.length]!, agent), 200)
  for (const way of [...ways, get('/api/v1/services?watch=1&timeoutSeconds=1')]) {
    assert.equal(await asked(way, agent), 429, way.path)
    assert.equal(await asked(way, person), 200, way.path)
  }
  assert.equal((await sendRaw(rig.up, get(`${SHOP}/pods`), agent.token)).status, 200)
})

test('with nobody in between each of them is open', { timeout: 900_000 }, async t => {
  const faults: string[] = []
  for (const door of doors) {
    const name = `${door.number} ${door.title}`
    if (!only.test(name)) continue
    for (const client of clients) {
      if (client === 'kubectl' && door.kubectl === 'raw only') continue
      await rig.direct(`${SHOP}/configmaps/flag`, { method: 'DELETE' })
      await furnishFor(rig.direct, door, wordOf(door, client))
      const before = await picture(rig.direct)
      const answers = await goThrough(forClient(door, wordOf(door, client)), client)
      const said = `${name} by ${client}: ${answers.join('; ')}`
      const open = door.open ?? 'changes'
      if (open === 'changes') {
        if (differences(before, await picture(rig.direct)).length === 0)
          faults.push(`${said}: nothing changed`)
      } else if (open === 'answers' && !/^(0|2\d\d)/.test(answers[0]!)) faults.push(said)
      if (open === 'taken') t.diagnostic(said.slice(0, 300))
      if (door.gone !== undefined) {
        const deadline = Date.now() + 30_000
        const path = forClient(door.gone, wordOf(door, client))
        const isThere = async (): Promise<boolean> => {
          const answer = await rig.direct(path)
          return answer.status === 200 && answer.json.metadata.deletionTimestamp === undefined
        }
        while ((await isThere()) && Date.now() < deadline) await sleep(200)
        if (await isThere()) faults.push(`${said}: ${path} is still there`)
      }
    }
  }
  assert.deepEqual(faults, [])
  const byKubectl = doors.filter(door => door.kubectl !== 'raw only').length
  const requests = doors.reduce((sum, door) => sum + door.raw.length, 0)
  t.diagnostic(
    `${doors.length} doors, ${byKubectl} of them for kubectl too, ${requests} raw requests, ${kinds.length} kinds of callers`,
  )
})

/** As the cluster's administrator, at the API server itself. What came of each step. */
async function goThrough(door: Door, client: Client): Promise<string[]> {
  if (client === 'kubectl') {
    const stdin = door.stdin === undefined ? {} : { stdin: JSON.stringify(door.stdin) }
    const done = await runKubectl(rig.cluster, door.kubectl as readonly string[], stdin)
    return [`${done.code} ${done.stderr.slice(0, 300)}`]
  }
  const answers: string[] = []
  for (const { method, path, body, type, headers, refused } of door.raw) {
    if (refused !== undefined || headers !== undefined) continue
    const answer = await rig.direct(path, {
      method,
      ...(body === undefined ? {} : { body }),
      ...(type === undefined ? {} : { type }),
    })
    answers.push(`${answer.status} ${answer.status >= 300 ? answer.body.slice(0, 300) : ''}`)
  }
  return answers.length === 0 ? ['200'] : answers
}
