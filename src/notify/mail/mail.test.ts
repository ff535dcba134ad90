import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Approval } from '../../approvals/contract.ts'
import { type ApprovalMessage, messageOf } from '../../approvals/message.ts'
import { openAuthority } from '../../pki/authority.ts'
import { ensureServerCertificate } from '../../pki/server-certificate.ts'
import { approvalAt } from '../testing/approval.ts'
import { bodyOf, type MailServer, startMailServer, type TakenMail } from '../testing/mail-server.ts'
import { createMail, type MailSettings } from './create-mail.ts'
import { htmlOf, subjectOf } from './mail-text.ts'

const NOW = 1_800_000_000_000
const LOGIN = { user: 'sallyport', password: ['a', 'pass', 'word'].join('-') }
const directory = mkdtempSync(join(tmpdir(), 'sallyport-mail-'))
const authority = openAuthority(directory)
const { key, chain: cert } = ensureServerCertificate(authority, directory, ['127.0.0.1'])
let server: MailServer

before(async () => {
  server = await startMailServer({ key, cert }, LOGIN)
})
after(async () => {
  await server.close()
  rmSync(directory, { recursive: true })
})

const base = { name: 'post', wants: () => true, host: '127.0.0.1', from: 'gateway@corp.test' }
const settingsOf = (more: Partial<MailSettings> = {}): MailSettings => ({
  ...base,
  ...{ port: server.port, security: 'starttls', to: ['bob@corp.test', 'carol@corp.test'] },
  ...{ login: LOGIN, ca: authority.pem },
  ...more,
})
const messageAt = (id: string, more: Partial<Approval> = {}) =>
  messageOf(approvalAt(id, NOW, more), 'https://gateway.test')

/** Headers, unfolded, of which each is there once. */
function headersOf({ raw }: TakenMail): Record<string, string> {
  const lines = raw
    .split('\r\n\r\n')[0]!
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [, name = '', value = ''] = /^([A-Za-z-]+): ?(.*)$/.exec(line) ?? []
    assert.notEqual(name, '', line)
    assert.equal(headers[name.toLowerCase()], undefined, `${name} is there twice`)
    headers[name.toLowerCase()] = value
  }
  return headers
}

test('each step is a mail to all, over TLS and after a login, that refers to the first one', async () => {
  const mail = createMail(settingsOf())
  const message = messageAt('a-1', { reason: 'see https://evil.test/x' })
  const first = await mail.create(message, 'a-1.pending.0')
  await mail.update(first, { ...message, notice: 'nobody has decided yet' }, 'a-1.pending.0.1')
  const over = { state: 'expired', closedAt: NOW, closedBecause: 'nobody decided' } as const
  await mail.close(first, messageAt('a-1', over), 'a-1.expired.0.1')
  await mail.end()
  const mails = server.mails.splice(0)
  assert.deepEqual(
    mails.map(one => [one.from, one.to, one.secure, one.user]),
    Array(3).fill(['gateway@corp.test', ['bob@corp.test', 'carol@corp.test'], true, 'sallyport']),
  )
  const [one, two, three] = mails.map(headersOf)
  assert.equal(one!['message-id'], '<a-1.pending.0.post@corp.test>')
  assert.equal(one!['message-id'], first)
  assert.equal(one!.references, undefined)
  for (const later of [two!, three!]) {
    assert.deepEqual([later.references, later['in-reply-to']], [first, first])
    assert.equal(later['auto-submitted'], 'auto-generated')
  }
  assert.equal(new Set([one, two, three].map(all => all!['message-id'])).size, 3)
  assert.equal(one!.from, 'Sallyport <gateway@corp.test>')
  const [asks, reminds, ends] = mails.map(bodyOf)
  assert.match(asks!, /guard\/namespaces[\s\S]*https:\/\/gateway\.test\/approvals\/a-1/)
  assert.match(asks!, /<a href="https:\/\/gateway\.test\/approvals\/a-1">Decide on the page<\/a>/)
  assert.doesNotMatch(asks!, /https:\/\/evil/)
  assert.match(reminds!, /nobody has decided yet/)
  assert.match(ends!, /^Nobody decided in time/m)
})

test('a subject is one line, and the same for all steps but for its begin', async () => {
  const mail = createMail(settingsOf())
  const evil = 'alice\r\nBcc: mallory@evil.test\r\n\r\n<script>alert(1)</script> löscht 名前 \u2028'
  const message: ApprovalMessage = { ...messageAt('a-2'), sentence: evil, reason: '</pre><img src=x>' }
  const first = await mail.create(message, 'a-2.pending.0\r\nBcc: x@evil.test')
  await mail.close(first, { ...message, state: 'approved' }, 'a-2.approved.1')
  await mail.end()
  const mails = server.mails.splice(0)
  const [one, two] = mails.map(headersOf)
  assert.deepEqual(Object.keys(one!).sort(), [
    ...['auto-submitted', 'content-type', 'date', 'from', 'message-id', 'mime-version'],
    ...['subject', 'to', 'x-auto-response-suppress'],
  ])
  assert.match(one!.subject!, /^=\?UTF-8\?/)
  assert.deepEqual(mails[0]!.to, ['bob@corp.test', 'carol@corp.test'])
  assert.equal(two!.references, first)
  const body = bodyOf(mails[0]!)
  assert.match(body, /löscht 名前/)
  assert.match(body, /&lt;script&gt;/)
  assert.equal(subjectOf(message, true), `Re: ${subjectOf(message, false)}`)
})

test('whatever an action holds, the subject has no line break and the HTML no element of it', () => {
  const unit = fc.constantFrom(
    '<',
    '>',
    '"',
    "'",
    '&',
    '\r',
    '\n',
    '\u0000',
    '\u2028',
    'a',
    'é',
    '/',
    ' ',
    '[',
  )
  const sentence = fc.string({ unit, maxLength: 60 })
  fc.assert(
    fc.property(sentence, sentence, (text, fact) => {
      const message = { ...messageAt('x'), sentence: text, facts: [[fact, text]] as const }
      assert.doesNotMatch(subjectOf(message, false), /[\r\n\u0000\u2028\u2029]/)
      const elements = htmlOf(message).match(/<[^>]*>/g)!
      assert.deepEqual(elements, htmlOf(messageAt('x')).match(/<[^>]*>/g))
    }),
    { numRuns: 50 },
  )
})

test('where TLS is wanted nothing is said without it', async () => {
  const plain = await startMailServer({ disabledCommands: ['STARTTLS'] }, LOGIN)
  const mail = createMail(settingsOf({ port: plain.port }))
  await assert.rejects(mail.create(messageAt('a-3'), 'k'), /could not be sent: ETLS/)
  assert.deepEqual([plain.mails, plain.logins], [[], []])
  await mail.end()
  const stranger = createMail(settingsOf({ ca: undefined }))
  await assert.rejects(stranger.create(messageAt('a-3'), 'k'), /could not be sent: E[A-Z]+: .*certificate/)
  await stranger.end()
  await plain.close()
  assert.deepEqual([server.mails.length, server.logins.at(-1)], [0, 'sallyport'])
})

test('TLS from the first byte, and no TLS where the document says so', async () => {
  const tls = await startMailServer({ secure: true, key, cert })
  const plain = await startMailServer({ disabledCommands: ['STARTTLS', 'AUTH'] })
  const inTls = createMail(settingsOf({ port: tls.port, security: 'tls', login: undefined }))
  const inClear = createMail(settingsOf({ port: plain.port, security: 'none', login: undefined }))
  await inTls.create(messageAt('a-4'), 'k')
  await inClear.create(messageAt('a-4'), 'k')
  assert.deepEqual([tls.mails[0]?.secure, plain.mails[0]?.secure], [true, false])
  for (const one of [inTls, inClear]) await one.end()
  for (const one of [tls, plain]) await one.close()
})

test('a wrong login is an error that repeats neither the password nor the server', async () => {
  const password = ['quite', 'another'].join('-')
  const mail = createMail(settingsOf({ login: { user: 'sallyport', password } }))
  await assert.rejects(mail.create(messageAt('a-5'), 'k'), (error: Error) => {
    assert.equal(error.message, 'the mail could not be sent: EAUTH 535')
    assert.equal(error.cause, undefined)
    return true
  })
  await mail.end()
})

test('who was not taken is told again, alone; who never will be ends it, once somebody has it', async () => {
  const to = ['bob@corp.test', 'carol@corp.test', 'gone@corp.test']
  const mail = createMail(settingsOf({ to }))
  const message = messageAt('a-6')
  server.refused.set('carol@corp.test', 451).set('gone@corp.test', 550)
  await assert.rejects(mail.create(message, 'k'), /carol@corp\.test \(451\), gone@corp\.test \(550\)$/)
  await assert.rejects(mail.create(message, 'k'), /carol@corp\.test \(451\)$/)
  server.refused.delete('carol@corp.test')
  await mail.create(message, 'k')
  const mails = server.mails.splice(0)
  assert.deepEqual(
    mails.map(one => one.to),
    [['bob@corp.test'], ['carol@corp.test']],
  )
  assert.equal(headersOf(mails[0]!)['message-id'], headersOf(mails[1]!)['message-id'])
  for (const one of to) server.refused.set(one, 550)
  for (let i = 0; i < 2; i++) await assert.rejects(mail.create(message, 'k2'), /EENVELOPE 550/)
  server.refused.clear()
  await mail.create(message, 'k2')
  assert.deepEqual(server.mails.splice(0)[0]?.to, to)
  await mail.end()
})

test('a server that is not there, or says nothing that can be understood, is an error; later it is told', async () => {
  const port = await new Promise<number>(resolve => {
    const closed = createServer().listen(0, '127.0.0.1', () => {
      const { port } = closed.address() as { port: number }
      closed.close(() => resolve(port))
    })
  })
  const down = createMail(settingsOf({ port }))
  await assert.rejects(down.create(messageAt('a-7'), 'k'), /ECONNREFUSED/)
  const odd = createServer(socket => {
    socket.on('error', () => {})
    socket.end('554 \u001b[31mgo away\r\n')
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => odd.once('listening', resolve))
  const strange = createMail(settingsOf({ port: (odd.address() as { port: number }).port }))
  await assert.rejects(
    strange.create(messageAt('a-7'), 'k'),
    (error: Error) => !/go away|\u001b/.test(error.message),
  )
  const mail = createMail(settingsOf())
  await mail.create(messageAt('a-7'), 'k')
  assert.equal(server.mails.splice(0).length, 1)
  for (const one of [down, strange, mail]) await one.end()
  odd.close()
})
