import { randomBytes } from 'node:crypto'
import { startFakeServiceNow } from '../../src/notify/testing/fake-servicenow.ts'
import { walkChannel } from '../approvals/channel-walk.ts'
import { expectStatus } from '../e2e/call.ts'

/** Records of a stand-in for ServiceNow, whose shapes are those of its documentation. */
walkChannel({
  name: 'it-desk',
  via: 'channel/it-desk',
  async open({ people }) {
    const [password, secret] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
    const instance = await startFakeServiceNow({ user: 'sallyport', password })
    const group = randomBytes(16).toString('hex')
    const ids = new Map<string, string>()
    for (const name of ['bob', 'frank', 'mallory']) {
      const user = instance.user(name).sys_id!
      ids.set(name, user)
      instance.insert('admin', 'sys_user_grmember', { group, user })
    }
    const rows = (table: string, field: string, value: string) =>
      instance.tables[table]!.filter(row => row[field] === value)
    const recordsOf = (ticket: string) => rows('sysapproval_approver', 'sysapproval', ticket)
    /** In his own record, with a rule of the instance that wakes; what wakes decides nothing. */
    async function change(user: string, ticket: string, values: Record<string, string>): Promise<void> {
      const record = recordsOf(ticket).find(row => row.approver === ids.get(user))!
      instance.change(user, 'sysapproval_approver', record.sys_id!, values)
      const body = { record: ticket, change: randomBytes(8).toString('hex') }
      const headers = { 'sallyport-wake-secret': secret }
      await expectStatus(202, people().up, '/channels/it-desk', { method: 'POST', headers, body })
    }
    return {
      spec: {
        servicenow: {
          ...{ url: instance.url, user: 'sallyport', password: `\${SERVICENOW_PASSWORD}` },
          ...{ table: 'u_approval', closedFields: { state: '3' }, decisions: { approverGroup: group } },
          wakeSecret: `\${SERVICENOW_SECRET}`,
        },
      },
      env: { SERVICENOW_PASSWORD: password, SERVICENOW_SECRET: secret },
      async places({ id }) {
        const tickets = rows('u_approval', 'correlation_id', `sallyport-${id}`).map(row => row.sys_id!)
        return tickets.filter(ticket => recordsOf(ticket).length === ids.size)
      },
      async words(ticket) {
        const [row] = rows('u_approval', 'sys_id', ticket)
        const comments = rows('sys_journal_field', 'element_id', ticket).map(entry => entry.value)
        return [row!.short_description, row!.description, ...comments].join('\n')
      },
      decide: (user, ticket, verdict, reason) =>
        change(user, ticket, {
          state: verdict === 'approve' ? 'approved' : 'rejected',
          comments: reason,
        }),
      write: (user, ticket, comments) => change(user, ticket, { comments }),
      account: user => `servicenow/${new URL(instance.url).host}/${ids.get(user)}`,
      close: () => instance.close(),
    }
  },
})
