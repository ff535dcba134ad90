import { Refusal } from '../../errors/refusal.ts'
import type { AuditLog } from '../entry.ts'

/**
 * The log as the data path sees it: while witnesses have been missing for too long and the policy says `seal`, no
 * new call begins. What is under way is recorded to its end.
 */
export function refuseUnwitnessed(log: AuditLog, blocked: () => boolean): AuditLog {
  return {
    origin: log.origin,
    get sealed() {
      return log.sealed || blocked()
    },
    append(entry) {
      if (entry.phase === 'intent' && blocked()) {
        return Promise.reject(
          new Refusal('audit-unavailable', {
            check: 'unwitnessed',
            detail: 'no witness has cosigned the log for too long',
            retryAfter: 10,
          }),
        )
      }
      return log.append(entry)
    },
    close: () => log.close(),
  }
}
