import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import type { ApprovalItem } from '../../src/api/schema/approvals.ts'
import { openBrowser } from '../../testbed/browser/open-browser.ts'
import type { Finished } from '../../testbed/run-kubectl.ts'
import { expectStatus } from '../e2e/call.ts'
import { linkByCode } from './link-by-code.ts'
import { type People, startPeople } from './rig.ts'

/** What people do in one channel. Places are what the channel calls them: a message, a ticket, a card. */
export interface Hands {
  /** Of the document of kind Channel, by which people of this rig are told. */
  readonly spec: object
  readonly env: Readonly<Record<string, string>>
  /** Places that ask about this approval, in the order in which they were made. */
  places(approval: ApprovalItem): Promise<readonly string[]>
  /** All that can be read at a place now, and how it ended if it has. */
  words(place: string): Promise<string>
  /** Somebody of the channel says what he thinks. */
  decide(user: string, place: string, verdict: 'approve' | 'deny', reason: string): Promise<void>
  /** Somebody of the channel writes something there. Absent: nobody can be linked. */
  write?(user: string, place: string, text: string): Promise<void>
  /** What somebody finds at the place to which he is led from there. Absent: he is led nowhere. */
  follow?(user: string, place: string): Promise<string>
  /** How the trail names the account of somebody. */
  account?(user: string): string
  close(): Promise<void>
}

export interface Walk {
  /** Of the channel. */
  readonly name: string
  /** `via` of its decisions. */
  readonly via: string
  open(rig: { people(): People; browser(): Browser }): Promise<Hands>
}

const EXPIRED = 'left-alone'

/** `kubectl delete namespace` and a second person in a channel, from the question to the trail. */
export function walkChannel({ name, via, open }: Walk): void {
  let people: People
  let browser: Browser
  let hands: Hands
  let leftAlone: Promise<Finished>

  const held = (rule: string, principals: object, more: object = {}): object => ({
    name: rule,
    effect: 'hold',
    match: {
      ...{ principals, apiGroups: [''], verbs: ['delete'] },
      ...{ resources: ['namespaces'], riskClasses: ['*'] },
    },
    approval: { approvers: [{ groups: ['corp:oncall'] }], ...more },
  })

  before(
    async () => {
      hands = await open({ people: () => people, browser: () => browser })
      const channel = {
        apiVersion: 'sallyport.dev/v1',
        kind: 'Channel',
        metadata: { name },
        spec: hands.spec,
      }
      people = await startPeople(
        [
          held('namespaces', { groups: ['corp:dev'] }),
          held('brief', { users: ['corp:user-judy'] }, { deadline: '1m' }),
        ],
        { channel },
        hands.env,
      )
      // On call as well: nobody is kept from asking by that.
      const frank = people.provider.users.get('frank')!
      people.provider.users.set('frank', { ...frank, groups: ['dev', 'oncall'] })
      browser = await openBrowser()
      leftAlone = (await ask('judy', EXPIRED)).running
    },
    { timeout: 600_000 },
  )
  after(async () => {
    await browser?.close()
    await people?.stop()
    await hands?.close()
  })

  async function ask(
    user: string,
    namespace: string,
  ): Promise<{ running: Promise<Finished>; waits: ApprovalItem; place: string }> {
    await people.directly('create', 'namespace', namespace)
    const running = people.kubectl(user, ['delete', 'namespace', namespace, '--wait=false'])
    const waits = await people.pending(new RegExp(`delete namespace ${namespace}`))
    return { running, waits, place: await placeOf(waits) }
  }

  async function placeOf(approval: ApprovalItem): Promise<string> {
    let found: readonly string[] = []
    await until('nothing there asks about it', async () => {
      found = await hands.places(approval)
      return found.length > 0
    })
    return found[0]!
  }

  const says = (place: string, words: RegExp): Promise<void> =>
    until(`${place} does not say ${words}`, async () => words.test(await hands.words(place)))

  async function state(id: string): Promise<string> {
    const token = await people.token('bob')
    return (await expectStatus(200, people.up, `/v1/approvals/${id}`, { token })).json.approval.state
  }

  const link = (user: string, place: string): Promise<void> =>
    linkByCode(browser, people, name, user, code => hands.write!(user, place, code))

  async function isThere(namespace: string): Promise<boolean> {
    const phase = await people.directly(
      ...['get', 'namespace', namespace, '--ignore-not-found', '-o', 'jsonpath={.status.phase}'],
    )
    return phase === 'Active'
  }

  async function rows(query: string) {
    const token = await people.token('bob')
    const { json } = await expectStatus(200, people.up, `/v1/audit/entries?limit=200${query}`, { token })
    return json.items as { call: string; kind: string; head: { facts?: Record<string, unknown> } }[]
  }

  test('kubectl delete namespace waits, a second person approves there, and the same command completes', async () => {
    const { running, waits, place } = await ask('alice', 'payments')
    const asked = await hands.words(place)
    for (const part of ['delete namespace payments', 'corp:user-alice', 'people/namespaces', waits.check]) {
      assert.ok(asked.includes(part), `${part} in ${asked}`)
    }
    if (hands.write !== undefined) {
      await hands.decide('mallory', place, 'approve', 'trust me')
      await says(place, /does not know who this account is[\s\S]*\/approvals\/links/)
      assert.equal(await state(waits.id), 'pending')
      await link('bob', place)
    }
    await hands.decide('bob', place, 'approve', 'INC-42 says so')
    const done = await running
    assert.equal(done.code, 0, done.stderr)
    assert.match(done.stdout, /namespace "payments" deleted/)
    assert.equal(await isThere('payments'), false)
    await says(place, /Approved/)

    const about = (await rows('')).filter(row => row.call === waits.id)
    const [decided] = about.filter(row => row.kind === 'approval.decide').map(row => row.head.facts!)
    assert.equal(about.filter(row => row.kind === 'approval.request').length, 1)
    assert.deepEqual(
      [decided?.verdict, decided?.reason, decided?.via, decided?.account],
      ['approve', 'INC-42 says so', via, hands.account?.('bob')],
    )
    assert.equal(decided?.requester, 'corp:user-alice')
    const token = await people.token('bob')
    const { json } = await expectStatus(200, people.up, `/v1/audit/entries/${waits.calls[0]}`, { token })
    const { decision, facts, result } = json.entry.head
    assert.match(decision.reason, /approved by corp:user-bob/)
    assert.deepEqual([facts.grant.approvers, facts.grant.reason], [['corp:user-bob'], 'INC-42 says so'])
    assert.deepEqual([result.code, result.ended], [200, 'complete'])
    if (hands.write !== undefined) {
      const trail = JSON.stringify(await rows('&kind=admin.request'))
      assert.match(trail, /"notCounted":"unlinked"/)
    }
  })

  test('a refusal ends the command with the reason that was given there', async () => {
    const { running, waits, place } = await ask('grace', 'ledger')
    await hands.decide('bob', place, 'deny', 'not on a friday')
    const done = await running
    assert.notEqual(done.code, 0)
    assert.match(done.stderr, /corp:user-bob denied approval .*not on a friday/)
    assert.equal(await isThere('ledger'), true)
    await says(place, /Denied/)
    assert.equal(await state(waits.id), 'denied')
  })

  test('who asked cannot approve it himself, though he is on call and linked; another one can', async () => {
    const { running, waits, place } = await ask('frank', 'orders')
    if (hands.write !== undefined) {
      await link('frank', place)
      await hands.decide('frank', place, 'approve', 'it is mine')
      await says(place, /who asked for it cannot approve it/)
    }
    if (hands.follow !== undefined) {
      assert.match(await hands.follow('frank', place), /You asked for this: somebody else decides/)
    }
    assert.equal(await state(waits.id), 'pending')
    assert.equal(await isThere('orders'), true)
    await hands.decide('bob', place, 'approve', 'seen')
    const done = await running
    assert.equal(done.code, 0, done.stderr)
  })

  test('two commands for one thing are one question, and one of them does it', async () => {
    const { running, waits, place } = await ask('heidi', 'wages')
    const other = people.kubectl('heidi', ['delete', 'namespace', 'wages', '--wait=false'])
    await until('the other one does not wait', async () => (await people.pending(/wages/)).callCount === 2)
    await hands.decide('bob', place, 'approve', 'once')
    const both = await Promise.all([running, other])
    const codes = both.map(one => one.code).sort()
    assert.deepEqual([codes[0], codes[1] !== 0], [0, true], JSON.stringify(both))
    const sent = (await rows('&connection=prod&verb=delete&name=wages&code=200')) as unknown as {
      head: { action?: { dryRun?: boolean } }
    }[]
    assert.equal(sent.filter(row => row.head.action?.dryRun !== true).length, 1)
    assert.equal((await hands.places(waits)).length, 1)
  })

  test('what nobody decides in time ends so, there and for kubectl', async () => {
    const done = await leftAlone
    assert.notEqual(done.code, 0)
    assert.match(done.stderr, /nobody decided in time/)
    const ended = (await people.approvals()).find(one => one.sentence.includes(EXPIRED))!
    assert.equal(ended.state, 'expired')
    await says(await placeOf(ended), /Expired|[Nn]obody decided in time/)
    assert.equal(await isThere(EXPIRED), true)
    const closes = (await rows('&kind=approval.close')).filter(row => row.call === ended.id)
    assert.equal(closes.length, 1)
  })

  test('killed while it waits: the question that is there stays the one, and what is said there counts for the retry', async () => {
    const { running, waits, place } = await ask('ivan', 'stock')
    await people.restart(true)
    assert.notEqual((await running).code, 0)
    await hands.decide('bob', place, 'approve', 'still fine')
    await until('it does not count', async () => (await state(waits.id)) === 'approved')
    await says(place, /Approved/)
    const again = await people.kubectl('ivan', ['delete', 'namespace', 'stock', '--wait=false'])
    assert.equal(again.code, 0, again.stderr)
    assert.equal(await isThere('stock'), false)
    assert.deepEqual(await hands.places(waits), [place])
    const asked = (await people.approvals()).filter(one => /stock/.test(one.sentence))
    assert.equal(asked.length, 1)
  })
}

/** Something that others make true, within a minute and a half. */
async function until(otherwise: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 90_000
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, otherwise)
    await pause(100)
  }
}
