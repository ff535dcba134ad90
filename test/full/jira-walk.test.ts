import { createHmac, randomBytes } from 'node:crypto'
import { textOfDocument } from '../../src/notify/jira/document-text.ts'
import { startFakeJira } from '../../src/notify/testing/fake-jira.ts'
import { walkChannel } from '../approvals/channel-walk.ts'
import { expectStatus } from '../e2e/call.ts'

/** Issues of a stand-in for Jira Cloud, whose shapes are those of its documentation. */
walkChannel({
  name: 'service-desk',
  via: 'channel/service-desk',
  async open({ people }) {
    const [token, secret] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
    const jira = await startFakeJira('gateway@corp.example', token)
    const find = (id: string) => jira.issues.find(one => one.id === id)!
    /** As Jira does when something of an issue changes; it decides nothing. */
    async function wake(id: string): Promise<void> {
      const body = { issue: { id }, at: randomBytes(8).toString('hex') }
      const hmac = createHmac('sha256', secret).update(JSON.stringify(body)).digest('hex')
      const headers = { 'x-hub-signature': `sha256=${hmac}` }
      await expectStatus(202, people().up, '/channels/service-desk', { method: 'POST', headers, body })
    }
    return {
      spec: {
        jira: {
          ...{ url: jira.url, user: 'gateway@corp.example', apiToken: `\${JIRA_TOKEN}`, project: 'OPS' },
          ...{ issueType: 'Task', waitingStatus: 'Waiting', closedStatus: 'Done' },
          decisions: { approvedStatus: 'Approved', deniedStatus: 'Denied' },
          webhookSecret: `\${JIRA_SECRET}`,
        },
      },
      env: { JIRA_TOKEN: token, JIRA_SECRET: secret },
      async places({ id }) {
        const asking = jira.issues.filter(({ fields }) =>
          (fields.labels as string[]).includes(`sallyport-${id}`),
        )
        return asking.map(one => one.id)
      },
      async words(id) {
        const { fields, comments } = find(id)
        const texts = [fields.description, ...comments.map(one => one.body)].map(one => textOfDocument(one))
        return [fields.summary, ...texts].join('\n')
      },
      async decide(user, id, verdict, reason) {
        const account = jira.account(user)
        jira.comment(id, account, reason)
        if (find(id).status !== 'Waiting') jira.move(id, account, 'Waiting')
        jira.move(id, account, verdict === 'approve' ? 'Approved' : 'Denied')
        await wake(id)
      },
      async write(user, id, text) {
        jira.comment(id, jira.account(user), text)
        await wake(id)
      },
      account: user => `jira/${new URL(jira.url).host}/${jira.account(user).accountId}`,
      close: () => jira.close(),
    }
  },
})
