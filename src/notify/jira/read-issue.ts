import type { Verdict } from '../../approvals/contract.ts'
import { type ApprovalMessage, quoted, shownOf } from '../../approvals/message.ts'
import type { ChannelPerson, Polled } from '../contract.ts'
import type { Caller } from '../outgoing/caller.ts'
import { listAt, textAt } from '../outgoing/json.ts'
import { linkCodeIn } from '../outgoing/words.ts'
import { textOfDocument } from './document-text.ts'

export interface IssueParts {
  readonly caller: Caller
  readonly url: string
  /** Our own account id. */
  readonly self: string
  readonly verdicts: ReadonlyMap<string, Verdict>
}

interface StatusChange {
  readonly id: string
  readonly author: unknown
  readonly to: string
}

const PAGE = 100
const PAGES = 20

/**
 * What people have said on an issue. A decision is the last change of its status, and only while the issue still has it: what was
 * moved back is not meant any more. Who made it says the issue's history.
 */
export async function readIssue(
  parts: IssueParts,
  issue: string,
  message: ApprovalMessage,
): Promise<readonly Polled[]> {
  const { caller, url, self, verdicts } = parts
  const base = `/issue/${encodeURIComponent(issue)}`
  const comments = await caller.call({
    method: 'GET',
    path: `${base}/comment?orderBy=-created&maxResults=${PAGE}`,
  })
  const said = listAt(comments.json, 'comments').filter(isUnedited)
  const found: Polled[] = []
  for (const comment of said) {
    const code = linkCodeIn(textOfDocument((comment as { body?: unknown }).body))
    const person = personOf((comment as { author?: unknown }).author, url)
    const id = textAt(comment, 'id')
    if (code === undefined || person === null || id === undefined || isOf(person, self, url)) continue
    found.push({ kind: 'claim', code, person, once: `${url}/comment/${id}` })
  }
  const { json } = await caller.call({ method: 'GET', path: `${base}?fields=status` })
  const last = await lastStatusChange(caller, base)
  if (last === undefined || textAt(json, 'fields', 'status', 'name') !== last.to) return found
  const verdict = verdicts.get(last.to)
  const person = personOf(last.author, url)
  if (verdict === undefined || person === null || isOf(person, self, url)) return found
  const words = said.find(one => personOf((one as { author?: unknown }).author, url)?.id === person.id)
  const reason = words === undefined ? '' : quoted(textOfDocument((words as { body?: unknown }).body))
  found.push({
    ...{ kind: 'said', approval: message.id, verdict, person, shown: shownOf(message) },
    ...{ reason: reason === '' ? null : reason, once: `${url}/history/${last.id}` },
  })
  return found
}

/** Its history comes oldest first. One too long to be read to its end is not believed. */
async function lastStatusChange(caller: Caller, base: string): Promise<StatusChange | undefined> {
  let last: StatusChange | undefined
  let start = 0
  for (let page = 0; page < PAGES; page++) {
    const path = `${base}/changelog?startAt=${start}&maxResults=${PAGE}`
    const { json } = await caller.call({ method: 'GET', path })
    const values = listAt(json, 'values')
    for (const value of values) {
      const item = listAt(value, 'items').find(one => textAt(one, 'fieldId') === 'status')
      const id = textAt(value, 'id')
      const to = textAt(item, 'toString')
      if (item === undefined) continue
      last =
        id === undefined || to === undefined
          ? undefined
          : { id, to, author: (value as { author?: unknown }).author }
    }
    start += values.length
    if ((json as { isLast?: unknown } | null)?.isLast === true) return last
    if (values.length === 0) return undefined
  }
  return undefined
}

/** Of people only: programs and customers of a portal have accounts of other types. */
function personOf(author: unknown, url: string): ChannelPerson | null {
  const account = textAt(author, 'accountId')
  if (account === undefined || account === '' || account.length > 128) return null
  if (textAt(author, 'accountType') !== 'atlassian') return null
  const email = textAt(author, 'emailAddress')
  return {
    id: `jira/${new URL(url).host}/${account}`,
    name: textAt(author, 'displayName') ?? account,
    ...(email === undefined || email === '' ? {} : { email }),
  }
}

function isOf(person: ChannelPerson, account: string, url: string): boolean {
  return person.id === `jira/${new URL(url).host}/${account}`
}

function isUnedited(comment: unknown): boolean {
  const created = textAt(comment, 'created')
  const author = textAt(comment, 'author', 'accountId')
  return (
    created !== undefined &&
    created === textAt(comment, 'updated') &&
    author !== undefined &&
    author === textAt(comment, 'updateAuthor', 'accountId')
  )
}
