import type { Verdict } from '../../approvals/contract.ts'
import { type ApprovalMessage, quoted, shownOf } from '../../approvals/message.ts'
import type { Polled } from '../contract.ts'
import { denialsFirst } from '../outgoing/denials-first.ts'
import { linkCodeIn } from '../outgoing/words.ts'
import { readHistory } from './history.ts'
import { peopleNamed } from './people.ts'
import { isQueryValue, isSysId, type Row, type Tables } from './tables.ts'
import { shortText } from './texts.ts'

export interface TicketParts {
  readonly tables: Tables
  readonly url: string
  /** Login name of our own user. */
  readonly user: string
  /** In which tickets are. */
  readonly table: string
}

export const APPROVALS = 'sysapproval_approver'
/** Approvals of one ticket. */
export const MOST_APPROVALS = 100
/** The newest comments that are looked at. */
const COMMENTS = 200
const VERDICTS: ReadonlyMap<string, Verdict> = new Map([
  ['approved', 'approve'],
  ['rejected', 'deny'],
])

export function correlationOf({ id }: Pick<ApprovalMessage, 'id'>): string {
  return `sallyport-${id}`
}

/** Of a ticket, by whomever they were made. */
export function approvalsOf(tables: Tables, ticket: string): Promise<readonly Row[]> {
  return tables.rows(APPROVALS, {
    ...{ where: [['sysapproval', '=', ticket]], most: MOST_APPROVALS },
    fields: ['sys_id', 'sysapproval', 'approver', 'state'],
  })
}

/**
 * What people have said on a ticket. An approver answers in his own record. Its state alone says nothing: others can set it, and
 * who changed the record last may have changed something else. So a decision is the last change of the state in the history of the
 * record, made by the approver himself, and only while the state is still that. It counts for nothing where the record was moved
 * here from another ticket, or where others have changed what the ticket says.
 */
export async function readTicket(
  { tables, url, user, table }: TicketParts,
  ticket: string,
  message: ApprovalMessage,
): Promise<readonly Polled[]> {
  const own = await tables.row(table, ticket, ['correlation_id', 'sys_created_by', 'short_description'])
  if (own.correlation_id !== correlationOf(message) || own.sys_created_by !== user) return []
  const approvals = (await approvalsOf(tables, ticket)).filter(one => isSysId(one.sys_id!))
  const ids = approvals.map(one => one.sys_id!)
  const history = await readHistory(tables, [ticket, ...ids])
  const isAsWritten = isHead(own.short_description!, shortText(message)) && !history.isReworded(ticket, user)
  const comments = (await commentsOn(tables, [ticket, ...ids])).filter(one => one.sys_created_by !== user)

  const decided = (isAsWritten ? approvals : []).flatMap(approval => {
    const change = history.lastState(approval.sys_id!)
    const verdict = change === undefined ? undefined : VERDICTS.get(change.newvalue!)
    if (change === undefined || verdict === undefined) return []
    return change.newvalue === approval.state && change.user !== user ? [{ approval, change, verdict }] : []
  })
  const claims = comments.flatMap(comment => {
    const code = linkCodeIn(comment.value!)
    return code === undefined ? [] : [{ comment, code }]
  })
  const people = await peopleNamed(tables, new URL(url).host, [
    ...decided.map(one => one.change.user!),
    ...claims.map(one => one.comment.sys_created_by!),
  ])

  const found: Polled[] = []
  for (const { comment, code } of claims) {
    const author = people.get(comment.sys_created_by!)
    if (author === undefined) continue
    found.push({ kind: 'claim', code, person: author.person, once: `${url}/journal/${comment.sys_id}` })
  }
  for (const { approval, change, verdict } of decided) {
    const author = people.get(change.user!)
    // Who answers for another, be it as his delegate, has his own account and his own voice.
    if (author === undefined || author.id !== approval.approver) continue
    const words = comments.find(
      one =>
        one.element_id === approval.sys_id &&
        one.sys_created_by === change.user &&
        linkCodeIn(one.value!) === undefined,
    )
    const reason = words === undefined ? '' : quoted(words.value!)
    found.push({
      ...{ kind: 'said', approval: message.id, verdict, person: author.person, shown: shownOf(message) },
      ...{ reason: reason === '' ? null : reason, once: `${url}/audit/${change.sys_id}` },
    })
  }
  return denialsFirst(found)
}

/** Newest first; nobody but an administrator can change one. */
async function commentsOn(tables: Tables, ids: readonly string[]): Promise<readonly Row[]> {
  const rows = await tables.rows('sys_journal_field', {
    where: [
      ['element_id', 'IN', ids],
      ['element', '=', 'comments'],
    ],
    fields: ['sys_id', 'element_id', 'element', 'value', 'sys_created_by', 'sys_created_on'],
    ...{ most: COMMENTS, newest: true },
  })
  return rows.filter(one => isQueryValue(one.sys_created_by!))
}

const LEAST = 40

/** Whether it is the begin of what we have written: a table may hold less of it. */
function isHead(text: string, written: string): boolean {
  const [found, wanted] = [text, written].map(one => one.replace(/\s+/g, ' ').trim()) as [string, string]
  return wanted.startsWith(found) && found.length >= Math.min(wanted.length, LEAST)
}
