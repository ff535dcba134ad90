import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bodyOf, startMailServer } from '../../src/notify/testing/mail-server.ts'
import { openAuthority } from '../../src/pki/authority.ts'
import { ensureServerCertificate } from '../../src/pki/server-certificate.ts'
import { walkChannel } from '../approvals/channel-walk.ts'

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
    const pathOf = (url: string): string => new URL(url).pathname
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
      async decide(user, place, verdict, reason) {
        const context = await browser().newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false })
        const page = await context.newPage()
        page.setDefaultTimeout(60_000)
        // After a restart the gateway of the tests has another port than the one that sent the mail.
        await page.goto(people().up.url + pathOf(place))
        await page.getByRole('link', { name: 'Sign in with corp' }).click()
        await page.locator(`button[value="${user}"]`).click()
        if (verdict === 'approve') await page.getByRole('link', { name: 'Approve…' }).click()
        const label = verdict === 'approve' ? /^Reason \(optional/ : /^Reason for a denial/
        await page.getByLabel(label).fill(reason)
        await page.getByRole('button', { name: verdict === 'approve' ? 'Approve' : 'Deny' }).click()
        await page.getByText(verdict === 'approve' ? /^Approved\./ : /^Denied/).waitFor()
        await context.close()
      },
      async close() {
        assert.ok(server.mails.every(one => one.secure && one.user === 'sallyport'))
        await server.close()
        rmSync(directory, { recursive: true })
      },
    }
  },
})
