import { messageOf } from '../../../src/approvals/message.ts'
import type { Row } from '../../../src/notify/servicenow/tables.ts'
import { shortText } from '../../../src/notify/servicenow/texts.ts'
import { approvalAt } from '../../../src/notify/testing/approval.ts'
import type { Random } from '../../parity/random.ts'

export const APPROVAL = '0197a2b4-0000-7000-8000-000000000000'
export const USER = 'sallyport'
export const TICKET = 'a'.repeat(32)
const BOB = 'b'.repeat(32)
const RECORD = 'c'.repeat(32)
const CODE = `link-${'0a'.repeat(14)}-${'abcdefghijklmnopqrstuvwxyz'}`

export const MESSAGE = messageOf(approvalAt(APPROVAL, 1_800_000_000_000), 'https://gateway.test')

const TICKET_ROW = {
  ...{ correlation_id: `sallyport-${APPROVAL}`, sys_created_by: USER, short_description: shortText(MESSAGE) },
}
const CHANGE = {
  ...{ sys_id: 'd1', documentkey: RECORD, fieldname: 'state', user: 'bob', newvalue: 'approved' },
  record_checkpoint: '2',
}
const TABLES = {
  ticket: [TICKET_ROW],
  sysapproval_approver: [{ sys_id: RECORD, sysapproval: TICKET, approver: BOB, state: 'approved' }],
  sys_audit: [
    CHANGE,
    { ...CHANGE, sys_id: 'd2', user: 'mallory', newvalue: 'requested', record_checkpoint: '1' },
  ],
  sys_journal_field: [
    { sys_id: 'e1', element_id: RECORD, element: 'comments', value: 'INC-42', sys_created_by: 'bob' },
    { sys_id: 'e2', element_id: TICKET, element: 'comments', value: CODE, sys_created_by: 'bob' },
  ],
  sys_user: [{ sys_id: BOB, user_name: 'bob', name: 'Bob', email: '', active: 'true' }],
}
const PRESS = {
  ...{ type: 'block_actions', team: { id: 'T1' }, user: { id: 'U1', team_id: 'T1', username: 'bob' } },
  ...{ channel: { id: 'C0123' }, trigger_id: 't' },
  actions: [{ action_id: 'sallyport.approve', value: `${APPROVAL} 47.0` }],
}
const DOCUMENT = { type: 'doc', content: [{ type: 'paragraph', content: [{ type: 'text', text: CODE }] }] }

/** One of each kind that is taken, to be changed a little. */
export const seeds: readonly string[] = [
  `slack\n${new URLSearchParams({ payload: JSON.stringify(PRESS) })}`,
  'jira\n{"issue":{"id":"10001"}}',
  `servicenow\n{"record":"${TICKET}","change":"1"}`,
  `document\n${JSON.stringify(DOCUMENT)}`,
  'words\napprove 47-0123abcd: it is INC-42',
  'mail\nalice\r\nBcc: mallory@evil.test\r\n\r\n<script>',
  `ticket\n${JSON.stringify(TABLES)}`,
  `ticket\n${JSON.stringify(TABLES)}`,
]

export const words: readonly string[] = [
  ...['approved', 'rejected', 'requested', 'bob', 'mallory', USER, 'sysapproval', 'state', 'description'],
  ...['"', '{', '}', '[', ']', ',', '^', '\u0000', 'é', '\r\n', '<', '__proto__', '"active":"false",'],
  ...[
    '"sysapproval"',
    'approve',
    'deny',
    '47-0123abcd',
    CODE,
    RECORD,
    TICKET,
    BOB,
    '1',
    '2',
    '3',
    'd1',
    'true',
  ],
]

/** What an instance might say: some rows twice or not at all, some values another's. */
export function otherTables(random: Random, values: readonly string[]): object {
  const tables: Record<string, Record<string, string>[]> = structuredClone(TABLES)
  for (let left = random.below(5); left > 0; left--) {
    const rows = tables[random.pick(Object.keys(tables))]!
    const row = rows[random.below(rows.length + 1)]
    if (row === undefined) continue
    const at = rows.indexOf(row)
    if (random.below(8) === 0) rows.splice(at, 1)
    else if (random.below(3) === 0) rows.push({ ...row })
    else row[random.pick(Object.keys(row))] = random.pick(values)
  }
  return tables
}

/** Tables as an instance answers with them: lists of rows of texts. Undefined: it is something else. */
export function answeredTables(value: unknown): { of(table: string): readonly Row[] } | undefined {
  if (value === null || typeof value !== 'object') return undefined
  const tables = new Map(
    Object.entries(value).map(([name, rows]) => [
      name,
      (Array.isArray(rows) ? rows : [])
        .filter(row => row !== null && typeof row === 'object')
        .map(row => completed(name, row)),
    ]),
  )
  return { of: table => tables.get(table) ?? [] }
}

/** Each field that is asked for is there; one that the answer lacks is empty. */
function completed(table: string, row: object): Row {
  const fields = Object.keys((TABLES as Readonly<Record<string, readonly object[]>>)[table]?.[0] ?? {})
  const all = [...fields, 'locked_out', 'web_service_access_only', 'internal_integration_user']
  const given = row as Readonly<Record<string, unknown>>
  return Object.fromEntries(all.map(field => [field, typeof given[field] === 'string' ? given[field] : '']))
}
