import type { OpenAuditLog } from '../audit/log/contract.ts'
import { FRAME_GRACE } from '../audit/log/quota.ts'
import { Refusal } from '../errors/refusal.ts'

/** Ends calls under way a grace after the log failed or met its quota: what they do could not be recorded any more. */
export function recordingEnds(log: OpenAuditLog, grace = FRAME_GRACE) {
  const listeners = new Set<(error: Error) => void>()
  let timer: NodeJS.Timeout | undefined
  let ended: Refusal | undefined

  function endIn(check: string, isFinal: boolean): void {
    clearTimeout(timer)
    timer = setTimeout(() => {
      const error = new Refusal('audit-unavailable', { check })
      if (isFinal) ended = error
      for (const listener of listeners) listener(error)
      listeners.clear()
    }, grace)
    timer.unref()
  }

  log.onSealed(failure => endIn(failure.check, true))
  log.onTrouble(({ about }) => {
    if (about !== 'quota' || log.sealed) return
    if (log.quota.state === 'full') endIn('disk-quota', false)
    else clearTimeout(timer)
  })
  return (listener: (error: Error) => void): (() => void) => {
    if (ended !== undefined) listener(ended)
    else listeners.add(listener)
    return () => listeners.delete(listener)
  }
}
