import type { Verdict } from '../../approvals/contract.ts'
import { type ApprovalMessage, shownOf } from '../../approvals/message.ts'
import type { Polled } from '../contract.ts'
import type { Caller } from '../outgoing/caller.ts'
import { denialsFirst } from '../outgoing/denials-first.ts'
import { at, listAt, textAt } from '../outgoing/json.ts'
import { linkCodeIn, type Words, wordsAlone } from '../outgoing/words.ts'

export interface RoomParts {
  readonly caller: Caller
  readonly room: string
  /** Our own user id. */
  readonly self: string
}

const REACTIONS: ReadonlyMap<string, Verdict> = new Map([
  ['✅', 'approve'],
  ['❌', 'deny'],
])
const PAGE = 100
const PAGES = 5

/**
 * What people of the room have said to a question of ours. Lists only tell which events there are; each that matters is read by
 * itself, and counts with the sender that the server gives it, unless it was edited, taken back, or its sender has left the room.
 * @param question Id of our event; undefined: nothing can be decided, but people may still link themselves.
 */
export async function readRoom(
  parts: RoomParts,
  question: string | undefined,
  message: ApprovalMessage,
): Promise<readonly Polled[]> {
  const ids = new Set<string>()
  if (question !== undefined) {
    const path = `/v1/rooms/${encodeURIComponent(parts.room)}/relations/${encodeURIComponent(question)}`
    await eachPage(
      parts.caller,
      `${path}/m.annotation/m.reaction?limit=${PAGE}`,
      'from',
      'next_batch',
      event => {
        if (verdictOf(event) !== undefined) note(event)
        return true
      },
    )
  }
  const filter = encodeURIComponent(JSON.stringify({ types: ['m.room.message'] }))
  const path = `/v3/rooms/${encodeURIComponent(parts.room)}/messages?dir=b&limit=${PAGE}&filter=${filter}`
  await eachPage(parts.caller, path, 'from', 'end', event => {
    if (textAt(event, 'event_id') === question) return false
    if (isReplyTo(event, question) || linkCodeIn(textAt(event, 'content', 'body') ?? '')) note(event)
    return true
  })
  function note(event: unknown): void {
    const id = textAt(event, 'event_id')
    if (id !== undefined && textAt(event, 'sender') !== parts.self) ids.add(id)
  }
  const found: Polled[] = []
  for (const id of ids) {
    const polled = await readOne(parts, id, question, message)
    if (polled !== null) found.push(polled)
  }
  return denialsFirst(found)
}

/** @param look False: what follows is not looked at any more. */
async function eachPage(
  caller: Caller,
  path: string,
  parameter: string,
  next: string,
  look: (event: unknown) => boolean,
): Promise<void> {
  let from: string | undefined
  for (let page = 0; page < PAGES; page++) {
    const more = from === undefined ? '' : `&${parameter}=${encodeURIComponent(from)}`
    const { json } = await caller.call({ method: 'GET', path: `${path}${more}` })
    for (const event of listAt(json, 'chunk')) if (!look(event)) return
    from = textAt(json, next)
    if (from === undefined) return
  }
}

async function readOne(
  { caller, room, self }: RoomParts,
  id: string,
  question: string | undefined,
  message: ApprovalMessage,
): Promise<Polled | null> {
  const base = `/v3/rooms/${encodeURIComponent(room)}`
  const path = `${base}/event/${encodeURIComponent(id)}`
  const { status, json } = await caller.call({ method: 'GET', path, also: [404] })
  const sender = textAt(json, 'sender')
  if (status === 404 || sender === undefined || sender === self || sender.length > 255) return null
  if (textAt(json, 'event_id') !== id) return null
  if (at(json, 'unsigned', 'redacted_because') !== undefined) return null
  if (at(json, 'unsigned', 'm.relations', 'm.replace') !== undefined) return null
  const said = meaningOf(json, question)
  if (said === null) return null
  const membership = await caller.call({
    ...{ method: 'GET', path: `${base}/state/m.room.member/${encodeURIComponent(sender)}` },
    also: [403, 404],
  })
  if (textAt(membership.json, 'membership') !== 'join') return null
  const person = { id: `matrix/${sender}`, name: sender }
  if ('code' in said) return { kind: 'claim', code: said.code, person, once: id }
  return { kind: 'said', approval: message.id, ...said, person, shown: shownOf(message), once: id }
}

function meaningOf(event: unknown, question: string | undefined): Words | { readonly code: string } | null {
  if (textAt(event, 'type') === 'm.reaction') {
    const verdict = verdictOf(event)
    const isOurs = question !== undefined && textAt(event, 'content', 'm.relates_to', 'event_id') === question
    return verdict === undefined || !isOurs ? null : { verdict, reason: null }
  }
  if (textAt(event, 'type') !== 'm.room.message' || textAt(event, 'content', 'msgtype') !== 'm.text')
    return null
  if (textAt(event, 'content', 'm.relates_to', 'rel_type') === 'm.replace') return null
  const body = withoutQuote(textAt(event, 'content', 'body') ?? '')
  const code = linkCodeIn(body)
  if (code !== undefined) return { code }
  return isReplyTo(event, question) ? wordsAlone(body) : null
}

function verdictOf(event: unknown): Verdict | undefined {
  const relation = at(event, 'content', 'm.relates_to')
  if (textAt(relation, 'rel_type') !== 'm.annotation') return undefined
  // Some clients put a selector of the coloured form behind it.
  return REACTIONS.get((textAt(relation, 'key') ?? '').replace(/\ufe0f$/u, ''))
}

function isReplyTo(event: unknown, question: string | undefined): boolean {
  const to = textAt(event, 'content', 'm.relates_to', 'm.in_reply_to', 'event_id')
  return question !== undefined && to === question
}

/** Older clients put what they reply to before their own words. */
function withoutQuote(body: string): string {
  const lines = body.split('\n')
  const first = lines.findIndex(line => !line.startsWith('>'))
  return first <= 0 ? body : lines.slice(first).join('\n')
}
