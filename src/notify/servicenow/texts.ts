import type { ApprovalMessage } from '../../approvals/message.ts'
import { cut, plainText, subjectOf } from '../outgoing/plain-text.ts'

/** What a short_description and a description hold, where nobody has changed that. */
const SHORT = 160
const LONG = 4_000

export function shortText(message: ApprovalMessage): string {
  return tame(cut(subjectOf(message), SHORT))
}

export function longText(message: ApprovalMessage, how: readonly string[]): string {
  const text = tame(plainText(message, how))
  if (text.length <= LONG) return text
  // What is too long loses its end, but not the way to the page.
  const end = `\nPage: ${message.link}`
  return `${cut(text, LONG - end.length)}${end}`
}

/** Journals take `[code]` for the begin of HTML, and `@[…]` for a mention. */
export function tame(text: string): string {
  return text.replace(/\[(?=\s*\/?\s*code\s*\])/gi, '[ ').replace(/@\[/g, '@ [')
}
