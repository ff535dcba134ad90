import { printable } from '../../audit/sentence.ts'

/** What a script can rely on (docs/reference/cli.md). */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  signInFirst: 3,
  denied: 4,
  waitingForApproval: 5,
  verificationFailed: 6,
  unreachable: 7,
  outcomeUnknown: 8,
} as const

/** The same table in words, for the reference page and for people. */
export const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: 'done',
  failed: 'failed; the message says why',
  usage: 'the command line or the configuration is wrong',
  signInFirst: 'sign in first',
  denied: 'denied by policy',
  waitingForApproval: 'needs an approval',
  verificationFailed: 'a log did not verify',
  unreachable: 'the gateway cannot be reached',
  outcomeUnknown: 'the change was sent and no answer came: it may or may not have happened',
}

export interface FailureFacts {
  readonly exitCode: number
  /** What was refused or failed: one clause. */
  readonly what: string
  /** The rule or check that did it. */
  readonly check?: string | undefined
  /** What to do: words, then after ': ' a line that can be pasted. */
  readonly next?: string | undefined
  readonly requestId?: string | undefined
  readonly link?: string | undefined
  /** More places, such as lines of a document. */
  readonly places?: readonly string[] | undefined
}

/** A failure that a person reads, in four parts: what, by which rule, what next, request id and link. */
export class Failure extends Error {
  readonly facts: FailureFacts

  constructor(facts: FailureFacts) {
    super(facts.what)
    this.name = 'Failure'
    this.facts = facts
  }
}

export function usage(what: string, next?: string): Failure {
  return new Failure({ exitCode: exitCodes.usage, what, next })
}

export function formatFailure(facts: FailureFacts): string {
  const lines = [`error: ${printable(facts.what)}`]
  for (const place of facts.places ?? []) lines.push(`  at       ${printable(place)}`)
  if (facts.check !== undefined) lines.push(`  by       ${printable(facts.check)}`)
  if (facts.next !== undefined) {
    const at = facts.next.search(/: (sallyport|kubectl|export|node|npm) /)
    if (at === -1) lines.push(`  next     ${printable(facts.next)}`)
    else {
      lines.push(`  next     ${printable(facts.next.slice(0, at))}`)
      lines.push(`           ${printable(facts.next.slice(at + 2))}`)
    }
  }
  if (facts.requestId !== undefined) {
    lines.push(`  request  ${printable(facts.requestId)}`)
  }
  if (facts.link !== undefined) lines.push(`  see      ${printable(facts.link)}`)
  return `${lines.join('\n')}\n`
}
