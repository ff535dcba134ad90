import { printable } from '../audit/sentence.ts'
import { riskClasses } from '../policy/risk-classes.ts'
import type { Approval, ApprovalState } from './contract.ts'
import type { Foresight } from './foresight.ts'
import { BURST } from './grants/burst.ts'
import { missingWords } from './quorum.ts'

/**
 * What people are told of an approval, the same on every channel: made by us from the parsed action. What the requester
 * wrote is quoted, short, and without anything that a reader could click. Null: there is none.
 */
export interface ApprovalMessage {
  readonly id: string
  readonly state: ApprovalState
  /** Why it is worth a question, in words. */
  readonly risk: string | null
  readonly who: { readonly username: string; readonly kind: string; readonly email: string | null }
  /** Verb, object and place in one sentence. */
  readonly sentence: string
  /** Facts of the action beside the sentence, as name and text. */
  readonly facts: readonly (readonly [name: string, text: string])[]
  readonly connection: string
  /** What would come of it: lines of a difference, masked, or why there are none. */
  readonly foresight: Foresight | null
  /** Requests that wait for it: retries and equal commands are one question. */
  readonly requests: number
  readonly reason: string | null
  readonly rules: readonly string[]
  /** What a yes opens, and for how long. */
  readonly opens: string
  readonly askedAt: number
  readonly deadline: number
  /** Who else may decide, in words; empty when nobody is missing. */
  readonly takes: string
  readonly decisions: readonly MessageDecision[]
  /** Why it ended without being approved. */
  readonly ended: string | null
  /** What people are to be told anew (a reminder, an escalation, broken glass); absent: nothing. */
  readonly notice?: string
  /** Nobody approved it, and it went on. */
  readonly brokenGlass?: true
  /** Two digits that the requester sees too. */
  readonly check: string
  /** Approved on the page only, after a fresh sign-in. */
  readonly pageOnly: boolean
  /** A rule that holds it asks people to say why. */
  readonly wantsReason: boolean
  /** Of the approval page; a link is never a right. */
  readonly link: string
}

export interface MessageDecision {
  readonly by: string
  readonly verdict: 'approve' | 'deny'
  readonly reason: string | null
  readonly at: number
  readonly via: string
}

const REASON = 500
const FACT = 300

/** @param base URL of the gateway, without a slash at its end. */
export function messageOf(a: Approval, base: string): ApprovalMessage {
  const { requirement, requester } = a
  const yes = a.decisions.filter(one => one.verdict === 'approve').length
  return {
    ...{ id: a.id, state: a.state, connection: a.connection, check: a.check },
    risk: riskOf(a.action.risk),
    who: {
      username: printable(requester.username),
      kind: requester.kind,
      email: requester.email === undefined ? null : printable(requester.email),
    },
    sentence: printable(a.sentence),
    facts: factsOf(a.action),
    foresight: a.foresight ?? null,
    requests: a.callCount,
    reason: a.reason === null ? null : quoted(a.reason),
    rules: a.rules,
    opens: opensOf(a),
    askedAt: a.askedAt,
    deadline: a.deadline,
    takes: a.state === 'pending' ? missingWords(requirement, yes) : '',
    decisions: a.decisions.map(({ by, verdict, reason, at, via }) => ({
      ...{ by: printable(by.username), verdict, at, via },
      reason: reason === null ? null : quoted(reason),
    })),
    ended: a.closedBecause === undefined ? null : quoted(a.closedBecause),
    ...(a.notices === undefined ? {} : { notice: quoted(a.notices.at(-1)!.text) }),
    ...(a.brokenGlass === undefined ? {} : { brokenGlass: true }),
    pageOnly: requirement.page === true,
    wantsReason: requirement.reason,
    link: `${base}/approvals/${a.id}`,
  }
}

/**
 * What somebody has looked at who decides on it, in one word: which question, and how many had answered it. A reminder of the
 * same question is no other one.
 */
export function shownOf({ check, decisions }: { check: string; decisions: readonly unknown[] }): string {
  return `${check}.${decisions.length}`
}

/** On one line, cut, and without links, mentions or characters that hide or turn text. */
export function quoted(text: string): string {
  const flat = printable(text.replace(/\s+/gu, ' ').trim())
  const dead = flat.replace(/([a-z][a-z0-9+.-]{1,30}):\/\//gi, '$1 ').replace(/[@<>[\]`|*]/g, ' ')
  return dead.length > REASON ? `${dead.slice(0, REASON - 1)}…` : dead
}

function opensOf({ scope, requirement: { grantFor, burst } }: Approval): string {
  if (grantFor === null && burst === true)
    return `this request, and the same on up to ${BURST} more objects of its kind and namespace by the same kubectl command within a minute`
  if (grantFor === null) return 'exactly this request, once'
  const minutes = Math.round(grantFor / 60_000)
  const time = minutes === 1 ? 'one minute' : `${minutes} minutes`
  if (scope !== null) return `this scope, for ${time}`
  return `the same action on the same object, as often as wanted, for ${time}`
}

function riskOf(risk: unknown): string | null {
  if (typeof risk !== 'string') return null
  const about = riskClasses.find(one => one.name === risk)?.about
  return about === undefined ? risk : `${risk}: ${about}`
}

/** Masked already, as in the trail. The sentence says the rest. */
function factsOf(action: Approval['action']): [string, string][] {
  return Object.entries(action)
    .filter(([name]) => name !== 'risk')
    .map(([name, value]) => {
      const text = printable(typeof value === 'string' ? value : JSON.stringify(value))
      return [name, text.length > FACT ? `${text.slice(0, FACT - 1)}…` : text]
    })
}
