import { createTransport } from 'nodemailer'
import type { ApprovalMessage } from '../../approvals/message.ts'
import { baseOf, type ChannelBase } from '../channel-base.ts'
import type { Channel } from '../contract.ts'
import { htmlOf, subjectOf, textOf } from './mail-text.ts'
import { isForGood, plainError, type Rejected } from './plain-error.ts'

export interface MailSettings extends ChannelBase {
  readonly host: string
  readonly port: number
  /** `tls`: from the first byte; `starttls`: the server must take it up before anything is said; `none`: in the clear. */
  readonly security: 'tls' | 'starttls' | 'none'
  readonly from: string
  readonly to: readonly string[]
  /** Absent: the server wants none. */
  readonly login?: { readonly user: string; readonly password: string } | undefined
  /** PEM. */
  readonly ca?: string | undefined
}

/** Milliseconds. */
const CONNECT = 5_000
const SILENCE = 10_000
/** The longest answer of a server, in bytes. */
const ANSWER = 65_536
/** Steps of which it is known who has them. */
const STEPS = 1_000

/**
 * Mails that tell of approvals, by SMTP. They are notices only: nobody decides by mail, for who has sent one is not known. Each
 * step is a mail of its own, which refers to the first one; sent again it has the same Message-ID.
 */
export function createMail(settings: MailSettings): Channel {
  const { name, host, port, security, from, to: recipients, login, ca } = settings
  const transport = createTransport({
    ...{ host, port, secure: security === 'tls' },
    ...(security === 'none' ? { ignoreTLS: true } : { requireTLS: security === 'starttls' }),
    tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
    ...(login === undefined ? {} : { auth: { user: login.user, pass: login.password } }),
    ...{ dnsTimeout: CONNECT, connectionTimeout: CONNECT, greetingTimeout: CONNECT },
    ...{ socketTimeout: SILENCE, maxResponseSize: ANSWER },
    // What is sent is made here: it names no files and no addresses to fetch.
    ...{ disableFileAccess: true, disableUrlAccess: true },
  })
  const domain = from.slice(from.lastIndexOf('@') + 1)
  /** By step, who has got it, or never will: a mail that some have is sent again to the others alone. */
  const settled = new Map<string, ReadonlySet<string>>()

  const idOf = (key: string): string => `<${key.replace(/[^A-Za-z0-9.-]/g, '')}.${name}@${domain}>`

  async function send(message: ApprovalMessage, key: string, first: string | null): Promise<void> {
    const before = settled.get(key) ?? new Set<string>()
    const to = recipients.filter(one => !before.has(one))
    if (to.length === 0) return void settled.delete(key)
    let rejected: readonly Rejected[]
    try {
      const info = await transport.sendMail({
        ...{ from: { name: 'Sallyport', address: from }, to: [...recipients], envelope: { from, to } },
        subject: subjectOf(message, first !== null),
        ...{ text: textOf(message), html: htmlOf(message), messageId: idOf(key) },
        ...(first === null || first === idOf(key) ? {} : { inReplyTo: first, references: [first] }),
        // Nobody's absence is to answer.
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      })
      rejected = (info.rejectedErrors ?? []) as readonly Rejected[]
    } catch (error) {
      const { rejectedErrors } = error as { rejectedErrors?: readonly Rejected[] }
      // Where nobody has got it yet, not even a refusal for good is the end: somebody has to be told.
      if (rejectedErrors === undefined || before.size === 0) throw plainError(error)
      rejected = rejectedErrors
    }
    if (rejected.length === 0) return void settled.delete(key)
    const again = new Set(rejected.filter(one => !isForGood(one)).map(one => one.recipient))
    settled.set(key, new Set(recipients.filter(one => !again.has(one))))
    for (const oldest of settled.keys()) {
      if (settled.size <= STEPS) break
      settled.delete(oldest)
    }
    const names = rejected.map(one => `${one.recipient} (${one.responseCode ?? 'no code'})`)
    throw new Error(`the mail server did not take it for ${names.join(', ')}`)
  }

  return {
    ...baseOf(settings),
    async create(message, key) {
      await send(message, key, null)
      return idOf(key)
    },
    update: (first, message, key) => send(message, key, first),
    close: (first, message, key) => send(message, key, first),
    async end() {
      transport.close()
    },
  }
}
