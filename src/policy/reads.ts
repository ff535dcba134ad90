import type { RuleMatch } from '../documents/schema/policy.ts'

/** What of a write a rule looks at, beyond what every request says. */
export interface Reads {
  /** The body, or images in it. */
  readonly body: boolean
  /** The object as it is before the write. */
  readonly before: boolean
}

/** By the words of its condition. A word in a text counts too: then more is looked at than is needed. */
export function readsOf(match: RuleMatch, condition: string | undefined): Reads {
  const source = condition ?? ''
  const before = /\bbefore\b/.test(source)
  return {
    body: before || match.images !== undefined || /\bimages\b/.test(source) || readsBody(source),
    before,
  }
}

/** `action.body.object`, or `action.body` as a whole. */
export function readsBody(source: string): boolean {
  return (
    /\bobject\b/.test(source) || /\bbody\b(?!\s*\.\s*(?:kind|name|namespace|form|apiVersion)\b)/.test(source)
  )
}
