import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

export interface TakenMail {
  readonly from: string
  readonly to: readonly string[]
  /** As it came. */
  readonly raw: string
  readonly secure: boolean
  readonly user: string | undefined
}

export interface MailServer {
  readonly port: number
  readonly mails: TakenMail[]
  /** Recipients that are refused, with the code. */
  readonly refused: Map<string, number>
  /** Sends everybody away. */
  isDown: boolean
  /** Logins that were tried. */
  readonly logins: string[]
  close(): Promise<void>
}

/** A mail server of the `smtp-server` package: real SMTP on loopback, which keeps what it is given. */
export async function startMailServer(
  options: SMTPServerOptions,
  login?: { readonly user: string; readonly password: string },
): Promise<MailServer> {
  const mails: TakenMail[] = []
  const refused = new Map<string, number>()
  const logins: string[] = []
  const taken: MailServer = {
    ...{ port: 0, mails, refused, logins, isDown: false },
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
  const server = new SMTPServer({
    ...{ logger: false, disableReverseLookup: true, authOptional: login === undefined },
    ...options,
    onConnect(_session, done) {
      done(taken.isDown ? Object.assign(new Error('not now'), { responseCode: 421 }) : null)
    },
    onAuth({ username, password }, _session, done) {
      logins.push(`${username}`)
      if (username === login?.user && password === login?.password) return done(null, { user: username! })
      // As some do, it repeats what it was told.
      done(Object.assign(new Error(`no such login ${username} ${password}`), { responseCode: 535 }))
    },
    onRcptTo({ address }, _session, done) {
      const code = refused.get(address)
      done(code === undefined ? null : Object.assign(new Error('not here'), { responseCode: code }))
    },
    onData(stream, session, done) {
      buffer(stream).then(bytes => {
        mails.push({
          from: session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address,
          to: session.envelope.rcptTo.map(one => one.address),
          ...{ raw: bytes.toString('utf8'), secure: session.secure, user: session.user },
        })
        done(null)
      }, done)
    },
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  Object.assign(taken, { port: (server.server.address() as AddressInfo).port })
  return taken
}

/** All that a program would show of its parts. */
export function bodyOf({ raw }: Pick<TakenMail, 'raw'>): string {
  const [, boundary = ''] = /boundary="([^"]+)"/.exec(raw) ?? []
  return raw
    .split(`--${boundary}`)
    .slice(1, -1)
    .map(part => {
      const [head = '', ...rest] = part.split('\r\n\r\n')
      const body = rest.join('\r\n\r\n')
      if (/base64/.test(head)) return Buffer.from(body, 'base64').toString('utf8')
      const bytes = body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => {
        return String.fromCharCode(Number.parseInt(hex, 16))
      })
      return /quoted-printable/.test(head) ? Buffer.from(bytes, 'latin1').toString('utf8') : body
    })
    .join('\n')
}
