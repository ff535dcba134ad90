import type { ApprovalMessage } from '../../approvals/message.ts'
import { baseOf, type ChannelBase } from '../channel-base.ts'
import type { Channel, Polled } from '../contract.ts'
import { basicAuthorization } from '../outgoing/caller.ts'
import { answerText } from '../outgoing/plain-text.ts'
import { codeOf } from '../outgoing/words.ts'
import { APPROVALS, approvalsOf, correlationOf, MOST_APPROVALS, readTicket } from './read-ticket.ts'
import { createTables, isSysId } from './tables.ts'
import { longText, shortText, tame } from './texts.ts'
import { createToken } from './token.ts'
import { receivedWake } from './wake.ts'

export interface ServiceNowSettings extends ChannelBase {
  /** Of the instance, without a slash at its end. */
  readonly url: string
  /** Login name of the gateway's own user, also where it comes with a token. */
  readonly user: string
  readonly credential:
    | { readonly password: string }
    | { readonly clientId: string; readonly clientSecret: string }
  /** A table of tasks, in which each approval is a record. */
  readonly table: string
  /** Set when it is made. */
  readonly fields: Readonly<Record<string, string>>
  /** Set when it is over. */
  readonly closedFields: Readonly<Record<string, string>>
  /** People decide by approving there; null: they decide on the page. */
  readonly decisions: {
    /** sys_id of the group whose members are asked; absent: the instance asks people by a flow of its own. */
    readonly approverGroup?: string | undefined
  } | null
  /** Comes with what wakes. Absent: nothing is taken. */
  readonly wakeSecret?: string | undefined
  /** PEM. */
  readonly ca?: string | undefined
}

const ANSWERED = ['approved', 'rejected']
/** Milliseconds; a decision that counts is told within a second or two. */
const A_WHILE = 10_000

/**
 * Records of ServiceNow, by its Table API. Made from its documentation, and tested against a stand-in of ours.
 */
export function createServiceNow(settings: ServiceNowSettings, now: () => number = Date.now): Channel {
  const { url, user, credential, table, ca, decisions, wakeSecret } = settings
  const token = 'password' in credential ? undefined : createToken({ url, ca, ...credential })
  const tables = createTables({
    ...{ url, ca, authorization: token },
    headers: 'password' in credential ? { authorization: basicAuthorization(user, credential.password) } : {},
  })
  /** By record: when each of the answers that it holds was read first. */
  const heard = new Map<string, ReadonlyMap<string, number>>()
  /** As the instance says that we are another user; then nothing more is made. */
  let stranger: string | undefined

  const how = (): string[] =>
    decisions === null
      ? ['It is decided on the page.']
      : [
          'Whoever was asked approves or rejects in ServiceNow. Your newest comment there is the reason. It counts for people whose account is linked; the page says how.',
        ]

  const textsOf = (message: ApprovalMessage, key: string): Record<string, string> => ({
    short_description: shortText(message),
    description: longText(message, how()),
    correlation_display: markOf(message, key),
  })

  async function ticketOf(message: ApprovalMessage): Promise<string | undefined> {
    const correlation = correlationOf(message)
    const known = await tables.rows(table, {
      where: [
        ['correlation_id', '=', correlation],
        ['sys_created_by', '=', user],
      ],
      fields: ['sys_id', 'correlation_id', 'sys_created_by'],
      most: 10,
    })
    const before = known.find(one => one.sys_created_by === user && one.correlation_id === correlation)
    return before === undefined ? undefined : sysId(before.sys_id)
  }

  async function make(message: ApprovalMessage, key: string): Promise<string> {
    if (stranger !== undefined) throw new Error(stranger)
    const own = { ...textsOf(message, key), correlation_id: correlationOf(message) }
    const values = { ...settings.fields, ...own }
    const made = await tables.insert(table, values, ['sys_id', 'sys_created_by'])
    if (made.sys_created_by !== user) {
      stranger = `the instance knows the gateway as another user than ${user}: its records would be taken for those of others`
      throw new Error(stranger)
    }
    return sysId(made.sys_id)
  }

  /** The members of the group, each by a record of his own. */
  async function ask(ticket: string): Promise<void> {
    const group = decisions?.approverGroup
    if (group === undefined) return
    const members = await tables.rows('sys_user_grmember', {
      ...{ where: [['group', '=', group]], fields: ['group', 'user'], most: MOST_APPROVALS },
    })
    const asked = new Set((await approvalsOf(tables, ticket)).map(one => one.approver))
    for (const member of new Set(members.map(one => one.user!))) {
      if (!isSysId(member) || asked.has(member)) continue
      const values = { sysapproval: ticket, document_id: ticket, source_table: table, approver: member }
      await tables.insert(APPROVALS, { ...values, state: 'requested' }, ['sys_id'])
    }
  }

  /** @param of Whose; absent: all. */
  async function setApprovals(
    ticket: string,
    from: readonly string[],
    to: string,
    of?: ReadonlySet<string>,
  ): Promise<void> {
    for (const { sys_id: id, state, approver } of await approvalsOf(tables, ticket)) {
      const isMeant = from.includes(state!) && (of === undefined || of.has(approver!))
      if (isSysId(id!) && isMeant) await tables.change(APPROVALS, id!, { state: to })
    }
  }

  /**
   * What counts changes the question soon. An answer that was read a while ago, and whose question still stands, did not count
   * (nobody is linked to it, or he may not): its record asks again, for who has answered cannot answer once more.
   */
  async function read(ticket: string, message: ApprovalMessage): Promise<readonly Polled[]> {
    const found = await readTicket({ tables, url, user, table }, ticket, message)
    const before = heard.get(ticket)
    const answers = new Map<string, number>()
    const again = new Set<string>()
    for (const one of found) {
      if (one.kind !== 'said') continue
      const since = before?.get(one.once) ?? now()
      answers.set(one.once, since)
      if (now() - since >= A_WHILE) again.add(one.person.id.slice(one.person.id.lastIndexOf('/') + 1))
    }
    if (answers.size === 0) heard.delete(ticket)
    else heard.set(ticket, answers)
    if (again.size > 0) await setApprovals(ticket, ANSWERED, 'requested', again)
    return found
  }

  /** Which step the record tells; empty where it tells none. Rejects when the record is not that of this approval. */
  async function toldOn(ticket: string, message: ApprovalMessage): Promise<string> {
    const fields = ['correlation_id', 'correlation_display', 'sys_created_by']
    const row = await tables.row(table, ticket, fields)
    if (row.correlation_id !== correlationOf(message) || row.sys_created_by !== user) {
      throw new Error('the record is not that of this approval any more')
    }
    return row.correlation_display!
  }

  /** Text, comment and mark are one change: a step is told whole, or not yet. */
  async function tell(ticket: string, message: ApprovalMessage, key: string, more: object): Promise<void> {
    if ((await toldOn(ticket, message)) === markOf(message, key)) return
    const texts = textsOf(message, key)
    await tables.change(table, ticket, { ...more, ...texts, comments: texts.description })
  }

  async function update(ticket: string, message: ApprovalMessage, key: string): Promise<void> {
    // What was said of the step before is taken back, so that others can say it anew.
    // A reminder asks the same question: what was said to it stays.
    const isNew = !(await toldOn(ticket, message)).endsWith(` ${codeOf(message)}`)
    if (decisions !== null && isNew) await setApprovals(ticket, ANSWERED, 'requested')
    await tell(ticket, message, key, {})
  }

  async function close(ticket: string, message: ApprovalMessage, key: string): Promise<void> {
    heard.delete(ticket)
    if (decisions !== null) await setApprovals(ticket, ['requested'], 'not_required')
    await tell(ticket, message, key, settings.closedFields)
  }

  return {
    ...baseOf(settings),
    async create(message, key) {
      const known = await ticketOf(message)
      const ticket = known ?? (await make(message, key))
      if (message.state !== 'pending') {
        await close(ticket, message, `${key}.end`)
        return ticket
      }
      if (known !== undefined) await update(ticket, message, key)
      // What is kept for the page is not asked for here.
      if (!message.pageOnly) await ask(ticket)
      return ticket
    },
    update,
    close,
    ...(decisions === null
      ? {}
      : ({
          answer: (ticket, said, answer) =>
            tables.change(table, ticket, { comments: tame(answerText(said, answer)) }),
          poll: read,
        } satisfies Pick<Channel, 'answer' | 'poll'>)),
    ...(wakeSecret === undefined
      ? {}
      : ({ receive: incoming => receivedWake(incoming, wakeSecret) } satisfies Pick<Channel, 'receive'>)),
    async end() {
      await Promise.all([tables.end(), token?.end()])
    },
  }
}

function markOf(message: ApprovalMessage, key: string): string {
  return `${key} ${codeOf(message)}`
}

function sysId(text: string | undefined): string {
  if (text === undefined || !isSysId(text)) throw new Error('its answer has no sys_id')
  return text
}
