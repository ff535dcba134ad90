import { hash } from 'node:crypto'
import type { Verdict } from '../../approvals/contract.ts'
import { type ApprovalMessage, quoted, shownOf } from '../../approvals/message.ts'

/** What somebody has written who wants to decide. */
export interface Words {
  readonly verdict: Verdict
  readonly reason: string | null
}

/**
 * What has to be written beside `approve` or `deny`: the check number, and eight letters that belong to this approval as it is
 * shown now. A text with it cannot be moved to another approval, or to a later question of the same one. It is no secret.
 */
export function codeOf(message: ApprovalMessage): string {
  return `${message.check}-${hash('sha256', `${message.id}\n${shownOf(message)}`, 'hex').slice(0, 8)}`
}

const VERDICTS: Readonly<Record<string, Verdict>> = { approve: 'approve', deny: 'deny' }
const MOST = 10_000

/** The first line must be `approve CODE` or `deny CODE`; what follows is the reason. Null: it is something else. */
export function wordsWithCode(text: string, code: string): Words | null {
  const [, word = '', given, rest = ''] =
    /^\s*([A-Za-z]{4,7})[ \t]+([0-9A-Za-z-]{1,40})([\s\S]*)$/.exec(text.slice(0, MOST)) ?? []
  const verdict = verdictOf(word)
  return verdict === undefined || given?.toLowerCase() !== code ? null : { verdict, reason: reasonOf(rest) }
}

/** `approve` or `deny` at the beginning, where the place of the text already says what it is about. */
export function wordsAlone(text: string): Words | null {
  const [, word = '', rest = ''] =
    /^\s*([A-Za-z]{4,7})(?![A-Za-z0-9'’_-])([\s\S]*)$/.exec(text.slice(0, MOST)) ?? []
  const verdict = verdictOf(word)
  return verdict === undefined ? null : { verdict, reason: reasonOf(rest) }
}

function verdictOf(word: string): Verdict | undefined {
  const name = word.toLowerCase()
  return Object.hasOwn(VERDICTS, name) ? VERDICTS[name] : undefined
}

function reasonOf(rest: string): string | null {
  const reason = quoted(rest.replace(/^[\s:,.;–-]+/u, ''))
  return reason === '' ? null : reason
}

/** The code that the page shows to somebody who wants to be linked; undefined: there is none, or more than one. */
export function linkCodeIn(text: string): string | undefined {
  const found = text.slice(0, MOST).match(/\blink-[0-9a-f]{28}-[a-z2-7]{26}\b/g) ?? []
  return found.length === 1 ? found[0] : undefined
}
