import assert from 'node:assert/strict'
import { Refusal } from '../../../src/errors/refusal.ts'
import type { Polled, Received, Said } from '../../../src/notify/contract.ts'
import { textOfDocument } from '../../../src/notify/jira/document-text.ts'
import { receivedWake as jiraWake } from '../../../src/notify/jira/wake.ts'
import { htmlOf, subjectOf, textOf } from '../../../src/notify/mail/mail-text.ts'
import { linkCodeIn, wordsAlone, wordsWithCode } from '../../../src/notify/outgoing/words.ts'
import { readTicket } from '../../../src/notify/servicenow/read-ticket.ts'
import { isQueryValue, type Row, type Tables } from '../../../src/notify/servicenow/tables.ts'
import { receivedWake as serviceNowWake } from '../../../src/notify/servicenow/wake.ts'
import { createSlack } from '../../../src/notify/slack/create-slack.ts'
import { slackSignatureOf } from '../../../src/notify/slack/sign.ts'
import { mutate } from '../mutate.ts'
import { type Checker, eachByItself, type FuzzTarget } from '../target.ts'
import {
  APPROVAL,
  answeredTables,
  MESSAGE,
  otherTables,
  seeds,
  TICKET,
  USER,
  words,
} from './channels-parts.ts'

const SECRET = 'a secret of the fuzzer that is long enough'
const NOW = 1_800_000_000_000

/**
 * First line: what it is for. What people and servers of channels send is read there; none of it decides more than it may.
 */
async function open(): Promise<Checker> {
  const slack = createSlack(
    {
      ...{ name: 'chat', wants: () => true, conversation: 'C0123', token: 't', signingSecrets: [SECRET] },
      url: 'http://127.0.0.1:1/',
    },
    () => NOW,
  )
  const look: Readonly<Record<string, (body: Buffer) => string | Promise<string>>> = {
    slack(body) {
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': `${NOW / 1000}`,
      }
      assert.throws(() => slack.receive!({ headers, body }), Refusal, 'taken without a signature')
      const signature = slackSignatureOf(SECRET, `${NOW / 1000}`, body)
      return received(() => slack.receive!({ headers: { ...headers, 'x-slack-signature': signature }, body }))
    },
    jira(body) {
      return received(() => jiraWake({ headers: {}, body }, SECRET), 'credential-invalid')
    },
    servicenow(body) {
      assert.throws(() => serviceNowWake({ headers: {}, body }, SECRET), Refusal, 'taken without the secret')
      return received(() => serviceNowWake({ headers: { 'sallyport-wake-secret': SECRET }, body }, SECRET))
    },
    document(body) {
      return linkCodeIn(textOfDocument(parsed(body))) === undefined ? 'a text' : 'a code'
    },
    words(body) {
      const text = body.toString()
      const [alone, coded] = [wordsAlone(text), wordsWithCode(text, '47-0123abcd')]
      for (const one of [alone, coded]) assert.ok((one?.reason ?? '').length <= 500)
      assert.ok(coded === null || alone?.verdict === coded.verdict, 'only the code made it a verdict')
      return coded === null ? 'nothing said' : 'said'
    },
    mail(body) {
      const text = body.toString()
      const message = { ...MESSAGE, sentence: text, reason: text, facts: [[text, text]] as const }
      assert.doesNotMatch(subjectOf(message, true), /[\r\n\u0000]/)
      assert.deepEqual(htmlOf(message).match(/<[^>]*>/g), htmlOf(MESSAGE).match(/<[^>]*>/g))
      assert.ok(textOf(message).includes(MESSAGE.link))
      return 'a mail'
    },
    async ticket(body) {
      const answers = answeredTables(parsed(body))
      if (answers === undefined) return 'no tables'
      const { of } = answers
      const tables = { rows: async (name: string) => of(name), row: async () => of('ticket')[0] ?? {} }
      const parts = { tables: tables as unknown as Tables, url: 'https://x.test', user: USER, table: 'u_x' }
      const found = await readTicket(parts, TICKET, MESSAGE)
      for (const one of found) judge(one, of)
      return found.length === 0 ? 'nothing said' : 'said'
    },
  }
  return eachByItself(
    async input => {
      const end = input.indexOf(10)
      const kind = input.subarray(0, end < 0 ? input.length : end).toString('latin1')
      if (!Object.hasOwn(look, kind)) return 'of no kind'
      return `${kind}: ${await look[kind]!(input.subarray(end < 0 ? input.length : end + 1))}`
    },
    () => slack.end(),
  )
}

/** What somebody may say by a request: names, verdicts and references of a known form, and nothing where it was refused. */
function received(take: () => Received, only?: string): string {
  try {
    const got = take()
    assert.equal(only, undefined, 'taken without the secret')
    if (got.kind === 'wake') assert.match(got.reference!, /^[0-9a-f]{32}$/)
    if (got.kind === 'said') {
      assert.match(got.person.id, /^slack\/[TE][A-Z0-9]{1,30}\/[UW][A-Z0-9]{1,30}$/)
      assert.match(got.approval, /^[A-Za-z0-9-]{1,64}$/)
      assert.ok(got.reason === null || got.reason.length <= 500)
      assert.ok(got.verdict === 'approve' || got.verdict === 'deny')
    }
    return got.kind
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (only !== undefined) assert.equal(error.code, only)
    return error.code
  }
}

/** Found by itself, the slow way: whoever is said to have decided has done so, in his own record, as the last. */
function judge(one: Polled, of: (table: string) => readonly Row[]): void {
  if (one.kind === 'claim') {
    assert.ok(
      of('sys_journal_field').some(row => row.value!.includes(one.code) && row.sys_created_by !== USER),
    )
    return
  }
  assert.equal(one.approval, APPROVAL)
  const changes = of('sys_audit').filter(row => one.once.endsWith(`/audit/${row.sys_id}`))
  assert.ok(
    changes.some(change => isHis(one, change, of)),
    'no last change of a record of his says so',
  )
}

function isHis({ verdict, person }: Said, change: Row, of: (table: string) => readonly Row[]): boolean {
  const wanted = verdict === 'approve' ? 'approved' : 'rejected'
  if (change.newvalue !== wanted || change.user === USER || !isQueryValue(change.user!)) return false
  const isOwn = of('sysapproval_approver').some(
    row =>
      row.sys_id === change.documentkey && row.state === wanted && person.id.endsWith(`/${row.approver}`),
  )
  const isPerson = of('sys_user').some(
    row => row.user_name === change.user && row.active === 'true' && person.id.endsWith(`/${row.sys_id}`),
  )
  const others = of('sys_audit').filter(row => row !== change && row.documentkey === change.documentkey)
  const isLast = others.every(
    row =>
      row.fieldname !== 'sysapproval' &&
      (row.fieldname !== 'state' || Number(row.record_checkpoint) < Number(change.record_checkpoint)),
  )
  return isOwn && isPerson && isLast
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

export const target: FuzzTarget = {
  name: 'channels',
  batch: 1,
  generate(random, corpus) {
    if (random.below(2) === 0) return Buffer.from(`ticket\n${JSON.stringify(otherTables(random, words))}`)
    return mutate(random.pick([...corpus, ...seeds.map(seed => Buffer.from(seed))]), random, words)
  },
  open,
}
