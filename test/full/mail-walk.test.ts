import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bodyOf, startMailServer } from '../../src/notify/testing/mail-server.ts'
import { openAuthority } from '../../src/pki/authority.ts'
import { ensureServerCertificate } from '../../src/pki/server-certificate.ts'
import { walkChannel } from '../approvals/channel-walk.ts'
import { decideOnPage, pathOf } from '../approvals/decide-on-page.ts'

/** Mails by SMTP over TLS, after a login: they lead to the page, where a real browser decides. */
walkChannel({
  name: 'mail',
  via: 'page',
  async open({ people, browser }) {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-mail-walk-'))
    const authority = openAuthority(directory)
    const { key, chain: cert } = ensureServerCertificate(authority, directory, ['127.0.0.1'])
    const password = randomBytes(16).toString('hex')
    const server = await startMailServer({ key, cert }, { user: 'sallyport', password })
    const mails = (): string[] => server.mails.map(bodyOf)
    const linkOf = (text: string): string => /^Page: (\S+)/m.exec(text)![1]!
    return {
      spec: {
        mail: {
          ...{ host: '127.0.0.1', port: server.port, ca: authority.pem },
          ...{ from: 'gateway@corp.example', to: ['bob@corp.example', 'dave@corp.example'] },
          ...{ user: 'sallyport', password: `\${MAIL_PASSWORD}` },
        },
      },
      env: { MAIL_PASSWORD: password },
      async places({ id }) {
        // Each step is a mail of its own.
        const asking = mails().filter(text => pathOf(linkOf(text)) === `/approvals/${id}`)
        return asking.slice(0, 1).map(linkOf)
      },
      async words(place) {
        return mails()
          .filter(text => pathOf(linkOf(text)) === pathOf(place))
          .join('\n')
      },
      decide: (user, place, verdict, reason) =>
        decideOnPage(browser(), people(), user, { link: place, verdict, reason }),
      async close() {
        assert.ok(server.mails.every(one => one.secure && one.user === 'sallyport'))
        await server.close()
        rmSync(directory, { recursive: true })
      },
    }
  },
})
