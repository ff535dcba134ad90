import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SessionEnd } from '../connections/session-record.ts'
import { Refusal } from '../errors/refusal.ts'
import type { Decided } from './exchange.ts'
import { createLiveClock } from './live-clock.ts'
import { isInDoubt, type LiveJudgeParts, paceOf, reasonToEnd } from './live-reasons.ts'

/** A call whose answer is on its way for as long as it takes: a watch, a followed log, a proxied stream, a long list. */
export interface LiveCall {
  /** Why it was ended from here; undefined: it was not. */
  readonly ended: Refusal | undefined
  /** How its answer is masked is decided: that is judged from now on, too. */
  masked(): void
  /** Its answer breaks off with this, at most once. */
  end(why: Refusal): void
  /** It is over. */
  forget(): void
}

/**
 * All calls of this process that go on, so that what takes away the ground they stand on ends them: a change of policy, the end of
 * a time window, other masking rules, a revoked grant, a session that is over (a sign-in ends its sessions). A call costs an entry of a set while it runs, and its events cost nothing.
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

export interface LiveCallParts extends LiveJudgeParts {
  onSessionEnd(id: string, listener: (end: SessionEnd) => void): () => void
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
      if (why === null) clock.set(call, paceOf(parts, call.x))
      else call.end(why)
    } catch (error) {
      // What cannot be judged is not allowed.
      parts.onError(error)
      call.end(new Refusal('access-ended', { check: 'not-judged' }))
    }
  }

  async function judgeThese(some: readonly Known[]): Promise<void> {
    let began = performance.now()
    for (const call of some) {
      // It may be over by now.
      if (calls.has(call)) judge(call)
      if (performance.now() - began < TURN) continue
      await nextTurn()
      began = performance.now()
    }
  }

  async function pass(): Promise<void> {
    // Never ends before `running` is set.
    await Promise.resolve()
    try {
      while (again) {
        again = false
        await judgeThese([...calls])
      }
    } finally {
      running = undefined
    }
  }

  const clock = createLiveClock<Known>(parts.now, some => void judgeThese(some))

  return {
    add(x, cut) {
      let patience: NodeJS.Timeout | undefined
      let over: NodeJS.Timeout | undefined
      let forgetSession: (() => void) | undefined
      function awaitGrantEnd(): void {
        const { grant } = x
        if (grant === undefined || grant.intent !== null) return
        const left = Math.max(0, grant.until - parts.now())
        over = setTimeout(
          () => {
            judge(call)
            // It was longer than a timer can be, or the clock was set back.
            if (calls.has(call) && grant.until > parts.now()) awaitGrantEnd()
          },
          Math.min(left, LONGEST_TIMER),
        )
        over.unref()
      }
      const call: Known = {
        x,
        ended: undefined,
        end(why) {
          if (call.ended !== undefined || !calls.has(call)) return
          call.ended = why
          calls.delete(call)
          clock.forget(call)
          patience = setTimeout(() => x.caller.cut(), PATIENCE)
          cut(why)
        },
        masked() {
          if (calls.has(call)) clock.set(call, paceOf(parts, x))
        },
        forget() {
          calls.delete(call)
          clock.forget(call)
          forgetSession?.()
          clearTimeout(patience)
          clearTimeout(over)
        },
      }
      calls.add(call)
      forgetSession = parts.onSessionEnd(x.session.id, end => call.end(sessionEnded(end)))
      awaitGrantEnd()
      if (isInDoubt(parts, x)) judge(call)
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

function sessionEnded({ reason, detail }: SessionEnd): Refusal {
  return new Refusal('session-ended', {
    check: reason,
    ...(detail === undefined || detail === '' ? {} : { detail }),
  })
}
