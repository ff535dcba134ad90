import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { createFake, type Fake } from '../../api/testing/fake-services.ts'
import type { Approval } from '../../approvals/contract.ts'
import { type Approvals, openApprovals } from '../../approvals/open-approvals.ts'
import type { NewEntry } from '../../audit/entry.ts'
import { Refusal } from '../../errors/refusal.ts'
import { putLocalUser, removeLocalUser } from '../../identity/local/users.ts'
import type { Principal } from '../../identity/principal.ts'
import { revoke } from '../../identity/revocation/revoke.ts'
import { type IdentityRig, openIdentityRig } from '../../identity/testing/identity-rig.ts'
import type { Answered, Channel, Said } from '../../notify/contract.ts'
import { type Links, openLinks } from '../../notify/links/open-links.ts'
import { channelDecisions } from './channel-decisions.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
let rig: IdentityRig
let fake: Fake
let approvals: Approvals
let links: Links
let entries: NewEntry[] = []
let trusted = new Set<string>()
let made = 0
let said: (more: Partial<Said> & Pick<Said, 'approval'>, channel?: Partial<Channel>) => Promise<Answered>

const chat: Channel = {
  name: 'chat',
  wants: () => true,
  create: async () => '',
  update: async () => {},
  close: async () => {},
  reply: async () => {},
  end: async () => {},
}
const account = { id: 'slack/T1/U-bob', name: 'Bob' }

beforeEach(async () => {
  rig = await openIdentityRig()
  entries = []
  trusted = new Set(['https://issuer.test'])
  fake = createFake()
  const parts = {
    ...{ store: rig.store, feed: rig.feed },
    now: () => rig.now,
    newId: () => `id-${++made}`,
    policyDigest: () => 'sha256:0',
    onError: (error: unknown) => assert.fail(String(error)),
    sweepEvery: 0,
    log: {
      async append(entry: NewEntry) {
        if (fake.logFails) throw new Refusal('audit-unavailable')
        entries.push(entry)
        return { index: entries.length, time: rig.now }
      },
    },
  }
  approvals = await openApprovals(parts)
  links = await openLinks({
    ...parts,
    revocations: rig.revocations,
    trusts: issuer => trusted.has(issuer),
  })
  const decide = channelDecisions({
    api: { ...fake.services, now: () => rig.now, approvals: { ...fake.services.approvals, ...approvals } },
    links,
    base: () => 'https://gateway.test',
  })
  said = (more, channel = {}) =>
    decide(
      { ...chat, ...channel },
      { kind: 'said', verdict: 'approve', reason: null, person: account, shown: '', ...more },
      null,
    )
})
afterEach(async () => {
  await links.close()
  await approvals.close()
  await rig.close()
})

function person(name: string, groups: readonly string[] = [], more: Partial<Principal> = {}): Principal {
  return {
    ...{ issuer: 'https://issuer.test', subject: name, username: `corp:${name}`, kind: 'person', groups },
    authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
    ...more,
  }
}

/** Signs in with a browser, now. */
async function signIn(principal: Principal): Promise<Principal> {
  const browser = { lifetime: HOUR, authenticatedAt: rig.now }
  return (await rig.signIns.create(principal, [], browser)).principal
}

async function link(name = 'bob', groups = ['corp:oncall'], to = account): Promise<Principal> {
  const token = await links.invite('chat', to)
  const principal = await signIn(person(name, groups))
  await links.confirm(principal, token)
  return principal
}

async function ask(
  more: { count?: number; page?: boolean; reason?: boolean; by?: Principal } = {},
): Promise<Approval> {
  const intent = `intent-${++made}`
  const approval = await approvals.ask(
    {
      ...{ call: `call-${made}`, principal: more.by ?? person(`alice-${made}`), session: null, intent },
      ...{ connection: 'prod', rules: ['guard/one'], target: intent, sentence: 'alice · delete x' },
      requirement: {
        quorums: [{ groups: ['corp:oncall'], count: more.count ?? 1, rule: 0 }],
        ...{ deadline: HOUR, grantFor: null, reason: more.reason === true },
        ...(more.page === true ? { page: true } : {}),
      },
      ...{ action: {}, policyDigest: 'sha256:0', isWithin: () => false },
    },
    null,
  )
  // Nobody has read it within three seconds.
  rig.now += 10_000
  return approval
}
const shown = (one: Approval): { approval: string; shown: string } => ({
  approval: one.id,
  shown: `${one.check}.${one.decisions.length}`,
})
const state = async (id: string): Promise<string | undefined> => (await approvals.get(id))?.state
const facts = (kind: string) => entries.filter(one => one.kind === kind).map(one => one.head.facts)
const refused = (code: string, check?: string) => (error: unknown) =>
  error instanceof Refusal && error.code === code && (check === undefined || error.check === check)

test('somebody unknown is given a link of his own, and what he said decides nothing', async () => {
  const one = await ask()
  const answer = await said(shown(one))
  assert.equal(answer.done, false)
  assert.match(
    answer.link ?? '',
    /^https:\/\/gateway\.test\/approvals\/link\?token=link-[0-9a-f]{28}-[a-z2-7]{26}$/,
  )
  assert.equal(await state(one.id), 'pending')
  const [entry] = fake.entries
  assert.deepEqual(entry?.head.facts, {
    ...{ channel: 'chat', approval: one.id, said: 'approve', notCounted: 'unlinked' },
    ...{ account: 'slack/T1/U-bob', accountName: 'Bob' },
  })
  assert.ok(!JSON.stringify([...fake.entries, ...entries]).includes('link-'), 'the token is in the trail')
  const stored = JSON.stringify(await rig.store.list('channel.invitation'))
  assert.ok(!stored.includes(answer.link!.slice(-26)), 'the token is in the store')
})

test('where nobody can be told in private, nobody is sent a link of his own, but is told where the page is', async () => {
  const { reply: _, ...deaf } = chat
  const decide = channelDecisions({
    api: { ...fake.services, approvals: { ...fake.services.approvals, ...approvals } },
    ...{ links, base: () => '' },
  })
  const answer = await decide(
    deaf,
    { kind: 'said', verdict: 'deny', reason: null, person: account, ...shown(await ask()) },
    null,
  )
  assert.equal(answer.link, '/approvals/links')
  assert.equal((await rig.store.list('channel.invitation')).length, 0)
})

test('where a rule wants reasons, a channel that asks for none approves nothing without one', async () => {
  await link()
  const one = await ask({ reason: true })
  const answer = await said({ ...shown(one), reason: null })
  assert.equal(answer.done, false)
  assert.match(answer.words, /^Not done: rule guard\/one wants reasons/)
  assert.equal(await state(one.id), 'pending')
  assert.deepEqual(facts('approval.decide'), [])
  assert.equal((await said({ ...shown(one), reason: 'INC-42' })).done, true)
  assert.equal(await state(one.id), 'approved')
})

test('a linked person decides by the same rules as everywhere, marked with channel and account', async () => {
  await link()
  const one = await ask()
  const answer = await said({ ...shown(one), reason: 'looks right' })
  assert.deepEqual(answer, { done: true, words: 'You approved this. It is approved.', link: null })
  const { decisions } = (await approvals.get(one.id))!
  assert.deepEqual(
    decisions.map(d => [d.by.username, d.via, d.reason]),
    [['corp:bob', 'channel/chat', 'looks right']],
  )
  const [decision] = entries.filter(entry => entry.kind === 'approval.decide')
  assert.deepEqual([decision?.head.facts?.via, decision?.head.facts?.account], ['channel/chat', account.id])
  assert.equal(decision?.head.principal?.method, 'channel')
  // Intent and outcome, as of a request to the API.
  assert.deepEqual(
    fake.entries.map(entry => [entry.kind, entry.phase, entry.effect]),
    [
      ['admin.request', 'intent', 'allow'],
      ['admin.request', 'outcome', 'allow'],
    ],
  )
})

test('policy is asked, without believing the address of the chat', async () => {
  await link()
  const one = await ask()
  const asked: string[] = []
  const { decideAdmin } = fake.services
  const api = {
    ...fake.services,
    approvals: { ...fake.services.approvals, ...approvals },
    decideAdmin: ((by, action, client) => {
      asked.push(`${by.username} ${action.verb} ${action.name} from "${client.address}"`)
      return decideAdmin(by, action, client)
    }) as typeof decideAdmin,
  }
  const decide = channelDecisions({ api, links, base: () => '' })
  const client = { address: '198.51.100.7', port: 1, userAgent: 'Slackbot' }
  fake.deny.add('approval.decide')
  const what: Said = { kind: 'said', verdict: 'approve', reason: null, person: account, ...shown(one) }
  const answer = await decide(chat, what, { call: 'call', client })
  assert.equal(answer.done, false)
  assert.match(answer.words, /approval\.decide/)
  assert.deepEqual(asked, ['corp:bob approval.decide guard/one from ""'])
  assert.equal(await state(one.id), 'pending')
  assert.equal(fake.entries[0]?.head.client?.address, '198.51.100.7')
})

test('never the requester, nobody outside of the quorum, nobody twice', async () => {
  await link()
  const own = await ask({ by: person('bob') })
  assert.match((await said(shown(own))).words, /who asked for it cannot approve it/)
  await link('carol', ['corp:dev'], { id: 'slack/T1/U-carol', name: 'Carol' })
  const one = await ask({ count: 2 })
  const outsider = await said({ ...shown(one), person: { id: 'slack/T1/U-carol', name: 'Carol' } })
  assert.match(outsider.words, /asks for 2 of corp:oncall/)
  assert.match((await said(shown(one))).words, /You approved this; it takes others as well/)
  // The same button again says the same; with what is shown now he still counts once.
  assert.equal((await said(shown(one))).done, true)
  const now = (await approvals.get(one.id))!
  assert.equal((await said(shown(now))).done, true)
  assert.equal((await said({ ...shown(now), verdict: 'deny' })).done, false)
  assert.equal(now.decisions.length, 1)
  assert.equal(await state(one.id), 'pending')
})

test('a second account of the same person is the same person', async () => {
  await link()
  await link('bob', ['corp:oncall'], { id: 'slack/T1/U-bob-2', name: 'Bob too' })
  const one = await ask({ count: 2 })
  await said(shown(one))
  const now = (await approvals.get(one.id))!
  await said({ ...shown(now), person: { id: 'slack/T1/U-bob-2', name: 'Bob too' } })
  assert.equal((await approvals.get(one.id))?.decisions.length, 1)
})

test('what was shown before somebody else decided is not decided by an old button', async () => {
  await link()
  const one = await ask({ count: 2 })
  await approvals.decide(person('dave', ['corp:oncall']), one.id, {
    verdict: 'approve',
    reason: null,
    via: 'cli',
  })
  const answer = await said(shown(one))
  assert.equal(answer.done, false)
  assert.match(answer.words, /not as it was shown/)
  for (const wrong of ['99.0', `${one.check}.2`, '', one.check]) {
    assert.equal((await said({ approval: one.id, shown: wrong })).done, false, wrong)
  }
  assert.equal((await approvals.get(one.id))?.decisions.length, 1)
})

test('the gravest things are denied from a chat, but approved on the page only', async () => {
  await link()
  const one = await ask({ page: true })
  const answer = await said(shown(one))
  assert.equal(answer.done, false)
  assert.match(answer.words, /on the approval page only, right after a sign-in/)
  assert.equal(answer.link, `https://gateway.test/approvals/${one.id}`)
  assert.equal(await state(one.id), 'pending')
  assert.equal((await said({ ...shown(one), verdict: 'deny' })).done, true)
  assert.equal(await state(one.id), 'denied')
})

test('who comes late hears how it ended', async () => {
  await link()
  const one = await ask()
  await approvals.decide(person('dave', ['corp:oncall']), one.id, {
    verdict: 'deny',
    reason: 'not today',
    via: 'cli',
  })
  const answer = await said(shown(one))
  assert.deepEqual([answer.done, /it is denied: not today/.test(answer.words)], [false, true])
  const old = await ask()
  rig.now += 2 * HOUR
  await signIn(person('bob', ['corp:oncall']))
  assert.match((await said(shown(old))).words, /expired/)
})

test('groups are as of the last sign-in, wherever that was, and not for ever', async () => {
  await link('bob', ['corp:dev'])
  const one = await ask()
  assert.match((await said(shown(one))).words, /corp:oncall/)
  // By the CLI, or through another gateway: the link follows.
  rig.now += MINUTE
  await rig.signIns.create(person('bob', ['corp:oncall']))
  rig.now += 11 * HOUR
  const two = await ask()
  assert.equal((await said(shown(two))).done, true)
  rig.now += HOUR
  const three = await ask()
  const old = await said(shown(three))
  assert.match(old.words, /last sign-in is too long ago/)
  assert.equal(old.link, `https://gateway.test/approvals/${three.id}`)
  assert.equal(await state(three.id), 'pending')
  assert.equal((await said(shown(three), { signInWithin: 24 * HOUR })).done, true)
  const four = await ask()
  await signIn(person('bob', []))
  assert.equal((await said(shown(four))).done, false, 'a group that was lost still counted')
})

test('who is cut off decides nothing, nor one whose issuer or account is gone', async () => {
  const bob = await link()
  const one = await ask()
  trusted.clear()
  assert.equal((await said(shown(one))).done, false)
  trusted.add(bob.issuer)
  await revoke(rig, { kind: 'principal', issuer: bob.issuer, subject: bob.subject }, 'admin', 'lost laptop')
  const answer = await said(shown(one))
  assert.match(answer.words, /cut off/)
  assert.equal(fake.entries.at(-1)?.kind, 'auth.fail')
  assert.equal(await state(one.id), 'pending')
})

test('people who exist only here are looked up each time', async () => {
  trusted.add('local')
  await putLocalUser(rig.store, { name: 'eve', groups: ['oncall'] })
  const { code } = await rig.codes.issue('eve')
  const token = await links.invite('chat', account)
  const { principal } = await rig.codes.redeem(code, { lifetime: HOUR, authenticatedAt: null })
  await links.confirm(principal, token)
  const find = async () => links.find('chat', account, HOUR)
  const before = await find()
  assert.deepEqual(before.kind === 'linked' && before.principal.groups, ['local:oncall'])
  await putLocalUser(rig.store, { name: 'eve', groups: ['dev'] })
  const now = await find()
  assert.deepEqual(now.kind === 'linked' && now.principal.groups, ['local:dev'])
  await removeLocalUser(rig.store, 'eve')
  await assert.rejects(find(), refused('credential-invalid'))
})

test('a link takes a sign-in after the invitation, and the token once', async () => {
  const early = await signIn(person('bob', ['corp:oncall']))
  rig.now += 1
  const token = await links.invite('chat', account)
  await assert.rejects(links.confirm(early, token), refused('page-required', 'fresh-sign-in'))
  const bob = await signIn(person('bob', ['corp:oncall']))
  const made = await links.confirm(bob, token)
  assert.deepEqual([made.channel, made.person, made.principal.username], ['chat', account, 'corp:bob'])
  assert.deepEqual(facts('channel.link'), [
    {
      ...{ link: made.id, channel: 'chat', person: account.id, personName: 'Bob' },
      ...{ linked: 'corp:bob', begun: 'channel' },
    },
  ])
  await assert.rejects(links.confirm(bob, token), refused('link-refused', 'token'))
})

test('nobody takes over an account that is linked, not even with a token of it', async () => {
  await link()
  const token = await links.invite('chat', account)
  const mallory = await signIn(person('mallory', ['corp:oncall']))
  await assert.rejects(links.confirm(mallory, token), refused('link-refused', 'linked-already'))
  const [bobs] = links.list()
  await links.remove(mallory, bobs!.id)
  assert.equal(links.list().length, 0)
  assert.deepEqual(
    entries.map(entry => entry.kind),
    ['channel.link', 'channel.unlink'],
  )
  const one = await ask()
  assert.match((await said(shown(one))).words, /does not know yet who you are/)
})

test('forged, old, replaced and guessed tokens link nobody', async () => {
  const first = await links.invite('chat', account)
  const second = await links.invite('chat', account)
  const bob = await signIn(person('bob'))
  const other = await links.invite('chat', { id: 'slack/T1/U-2', name: 'x' })
  const mixed = `${other.slice(0, 34)}${second.slice(34)}`
  for (const token of [
    first,
    mixed,
    `${second}a`,
    second.slice(0, -1),
    '',
    'link-',
    `link-${'0'.repeat(28)}-${'a'.repeat(26)}`,
  ]) {
    await assert.rejects(links.confirm(bob, token), refused('link-refused', 'token'), token)
  }
  rig.now += 10 * MINUTE
  await assert.rejects(links.confirm(await signIn(person('bob')), second), refused('link-refused', 'token'))
  await links.sweep()
  assert.equal((await rig.store.list('channel.invitation')).length, 0)
})

test('a machine is linked to nothing, nor an account of another mail address', async () => {
  const token = await links.invite('chat', { ...account, email: 'Bob@corp.example' })
  const job = await signIn(person('job', [], { kind: 'job' }))
  await assert.rejects(links.confirm(job, token), refused('link-refused', 'not-a-person'))
  const alice = await signIn(person('alice', [], { email: 'alice@corp.example' }))
  await assert.rejects(links.confirm(alice, token), refused('link-refused', 'email'))
  const bob = await signIn(person('bob', [], { email: 'bob@CORP.example' }))
  assert.equal((await links.confirm(bob, token)).principal.username, 'corp:bob')
})

test('where nobody can be told in private, a code of the page is written in the channel', async () => {
  const bob = await signIn(person('bob', ['corp:oncall']))
  const code = await links.begin('tracker', bob)
  await assert.rejects(links.confirm(bob, code), refused('link-refused', 'claimed'))
  const tracked = { id: 'roundup/x/user7', name: 'bob7' }
  assert.equal(await links.claim('other', code, tracked), false)
  assert.equal(await links.claim('tracker', `  ${code.toUpperCase()} `, tracked), true)
  // Whoever reads it there and writes it as well gets nothing.
  assert.equal(await links.claim('tracker', code, { id: 'roundup/x/user8', name: 'mallory' }), false)
  const mallory = await signIn(person('mallory'))
  await assert.rejects(links.confirm(mallory, code), refused('link-refused', 'token'))
  const made = await links.confirm(await signIn(person('bob', ['corp:oncall'])), code)
  assert.deepEqual([made.person.id, made.principal.username], ['roundup/x/user7', 'corp:bob'])
  assert.equal(facts('channel.link')[0]?.begun, 'page')
  // What is begun in a chat cannot be claimed by somebody else there.
  const token = await links.invite('chat', account)
  assert.equal(await links.claim('chat', token, { id: 'slack/T1/U-evil', name: 'x' }), false)
})

test('what cannot be recorded is not done', async () => {
  await link()
  const one = await ask()
  fake.logFails = true
  await assert.rejects(said(shown(one)), refused('audit-unavailable'))
  const [made] = links.list()
  await assert.rejects(links.remove(person('bob'), made!.id), refused('audit-unavailable'))
  fake.logFails = false
  assert.equal(links.list().length, 1)
  assert.equal(await state(one.id), 'pending')
})
