import type { ApprovalMessage } from '../../approvals/message.ts'
import type { Polled } from '../contract.ts'
import { codeOf, linkCodeIn, wordsWithCode } from '../outgoing/words.ts'

/** A message as the tracker has it. */
export interface RoundupMessage {
  readonly id: string
  /** Id of the user who made it, which nobody can set; the author can be set by who writes. */
  readonly creator: string
  readonly creatorName: string
  /** Id of the user who changed a property last. */
  readonly actor: string
  /** Text of the tracker, to the second. */
  readonly creation: string
  readonly activity: string
  /** Its first line, as it was when it was made. */
  readonly summary: string
  readonly content: string
}

/** The tracker itself writes into a message, in the name of its creator, to whom it was mailed. */
const SETTLED = 60_000

/**
 * What a message decides. The tracker lets each of its users change messages of others, and does not keep who changed a
 * message's content. A change of its summary is kept. So it counts as the summary says that was made with the message, by its
 * creator, and only while the content says the same.
 * @returns null where it decides nothing.
 */
export function saidIn(
  one: RoundupMessage,
  url: string,
  message: ApprovalMessage,
  shown: string,
): Polled | null {
  const age = timeOf(one.activity) - timeOf(one.creation)
  if (one.actor !== one.creator || !(age >= 0 && age <= SETTLED)) return null
  const person = { id: `roundup/${url}/user${one.creator}`, name: one.creatorName }
  const once = `${url}/msg${one.id}`
  const claimed = linkCodeIn(one.summary)
  if (claimed !== undefined) {
    return one.content.includes(claimed) ? { kind: 'claim', code: claimed, person, once } : null
  }
  const code = codeOf(message)
  const words = wordsWithCode(one.summary, code)
  if (words === null || wordsWithCode(one.content, code)?.verdict !== words.verdict) return null
  return { kind: 'said', approval: message.id, ...words, person, shown, once }
}

/** Of `2026-11-22.03:19:55`; NaN for anything else. */
function timeOf(text: string): number {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)\.(\d\d:\d\d:\d\d)$/.exec(text) ?? []
  return Date.parse(`${day}T${time}Z`)
}
