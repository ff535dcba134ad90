import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Grant } from '../approvals/contract.ts'
import type { Connection } from '../connections/connection.ts'
import type { SessionEnd } from '../connections/session-record.ts'
import { Refusal } from '../errors/refusal.ts'
import type { PolicySet } from '../policy/decision.ts'
import type { Decided } from './exchange.ts'
import { circumstancesOf } from './policy-circumstances.ts'

/** A call whose answer is on its way for as long as it takes: a watch, a followed log, a proxied stream, a long list. */
export interface LiveCall {
  /** Why it was ended from here; undefined: it was not. */
  readonly ended: Refusal | undefined
  /** Its answer breaks off with this, at most once. */
  end(why: Refusal): void
  /** It is over. */
  forget(): void
}

/**
 * All calls of this process that go on, so that what takes away the ground they stand on ends them: a change of policy, a
 * revoked grant, a session that is over (a sign-in ends its sessions). A call costs an entry of a set while it runs, and its events cost nothing.
 */
export interface LiveCalls {
  /** Judged at once if policy has changed since it was decided. `cut`: breaks its answer off. */
  add(x: Decided, cut: (why: Refusal) => void): LiveCall
  /** Judges every call by what is in force now, on the facts that it was judged by. Resolves when all are; those still allowed notice nothing. */
  judgeAll(): Promise<void>
  /** Judges those that a grant lets pass. */
  judgeGranted(grant: string): void
  /** Verifies the credential of each again and ends those whose credential is good no more. */
  recheckAll(): Promise<void>
  readonly size: number
}

export interface LiveCallParts {
  policies(): Pick<PolicySet, 'digest' | 'decide'>
  connection(name: string): Connection | undefined
  /** Undefined: it is remembered no more. */
  grant(id: string): Grant | undefined
  onSessionEnd(id: string, listener: (end: SessionEnd) => void): () => void
  now(): number
  onError(error: unknown): void
}

/** Milliseconds of judging after which others have their turn. */
const TURN = 5
/** Milliseconds for a caller that reads nothing to be told why; then its connection is closed. */
const PATIENCE = 800
const LONGEST_TIMER = 2 ** 31 - 1

interface Known extends LiveCall {
  readonly x: Decided
  ended: Refusal | undefined
}

export function createLiveCalls(parts: LiveCallParts): LiveCalls {
  const calls = new Set<Known>()
  let running: Promise<void> | undefined
  let again = false

  function judge(call: Known): void {
    try {
      const why = reasonToEnd(parts, call.x)
      if (why !== null) call.end(why)
    } catch (error) {
      // What cannot be judged is not allowed.
      parts.onError(error)
      call.end(new Refusal('access-ended', { check: 'not-judged' }))
    }
  }

  async function pass(): Promise<void> {
    // Never ends before `running` is set.
    await Promise.resolve()
    try {
      while (again) {
        again = false
        let began = performance.now()
        for (const call of [...calls]) {
          judge(call)
          if (performance.now() - began < TURN) continue
          await nextTurn()
          began = performance.now()
        }
      }
    } finally {
      running = undefined
    }
  }

  return {
    add(x, cut) {
      let patience: NodeJS.Timeout | undefined
      let over: NodeJS.Timeout | undefined
      let forgetSession: (() => void) | undefined
      const call: Known = {
        x,
        ended: undefined,
        end(why) {
          if (call.ended !== undefined || !calls.has(call)) return
          call.ended = why
          calls.delete(call)
          patience = setTimeout(() => x.caller.cut(), PATIENCE)
          cut(why)
        },
        forget() {
          calls.delete(call)
          forgetSession?.()
          clearTimeout(patience)
          clearTimeout(over)
        },
      }
      calls.add(call)
      forgetSession = parts.onSessionEnd(x.session.id, end => call.end(sessionEnded(end)))
      const { grant } = x
      if (grant !== undefined && grant.intent === null) {
        const left = Math.max(0, grant.until - parts.now())
        over = setTimeout(() => judge(call), Math.min(left, LONGEST_TIMER))
        over.unref()
      }
      if (x.decision.policyDigest !== parts.policies().digest || grant !== undefined) judge(call)
      return call
    },
    judgeAll() {
      again = true
      running ??= pass()
      return running
    },
    judgeGranted(grant) {
      for (const call of [...calls]) if (call.x.grant?.id === grant) judge(call)
    },
    async recheckAll() {
      for (const call of [...calls]) {
        try {
          await call.x.recheck()
        } catch (error) {
          // An issuer that cannot be asked now is no proof: the regular check decides.
          if (error instanceof Refusal && error.status === 401) call.end(error)
        }
      }
    },
    get size() {
      return calls.size
    },
  }
}

/** Null: it may go on. */
function reasonToEnd(parts: LiveCallParts, x: Decided): Refusal | null {
  const connection = parts.connection(x.connection.name)
  if (connection === undefined) {
    return new Refusal('access-ended', {
      check: 'connection',
      detail: `connection ${x.connection.name} is gone`,
    })
  }
  const now = parts.now()
  const decision = parts.policies().decide(x.action, { ...circumstancesOf(x, now), connection })
  const version = `policy ${decision.policyDigest.slice(0, 19)}`
  const check = decision.rules[0] ?? 'default-deny'
  if (decision.effect === 'deny') {
    return new Refusal('access-ended', { check, detail: `${decision.reason} (${version})` })
  }
  if (decision.effect === 'hold') {
    const missing = notLifted(parts, x, decision.holds ?? decision.rules, now)
    if (missing !== null)
      return new Refusal('access-ended', { check: missing.rule, detail: `${missing.why} (${version})` })
  }
  const { part } = decision
  if (part !== undefined && x.decision.part?.byLabels !== part.byLabels) {
    // Its answer is not looked through for that part.
    const detail = `only a part of it is allowed now, and shown when it is asked for anew (${version})`
    return new Refusal('access-ended', { check, detail })
  }
  if (decision.requireReason === true && x.progress.statedReason === undefined) {
    return new Refusal('access-ended', {
      check,
      detail: `the rule wants a reason, and none was said (${version})`,
    })
  }
  return null
}

/** A rule that holds the call and that nobody's answer lifts; null: there is none. */
function notLifted(
  parts: LiveCallParts,
  { grant: given }: Decided,
  holds: readonly string[],
  now: number,
): { readonly rule: string; readonly why: string } | null {
  const rule = holds[0] ?? 'hold'
  if (given === undefined) return { rule, why: 'it needs an approval now' }
  const grant = parts.grant(given.id) ?? given
  if (grant.state === 'revoked') return { rule, why: `grant ${grant.id} was revoked` }
  // One that is good once says until when it may be used, not how long what was begun may take.
  if (grant.intent === null && now >= grant.until) return { rule, why: `grant ${grant.id} has ended` }
  const other = holds.find(name => !grant.rules.includes(name))
  return other === undefined ? null : { rule: other, why: 'it needs another approval now' }
}

function sessionEnded({ reason, detail }: SessionEnd): Refusal {
  return new Refusal('session-ended', {
    check: reason,
    ...(detail === undefined || detail === '' ? {} : { detail }),
  })
}
