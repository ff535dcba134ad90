import { needsReview } from '../approvals/glass/review.ts'
import type { Approvals } from '../approvals/open-approvals.ts'
import type { OpenAuditLog } from '../audit/open.ts'
import type { AuditIndex } from '../audit/search/contract.ts'
import type { Witnessing } from '../audit/witnesses/contract.ts'
import type { Gauges } from '../telemetry/metrics.ts'
import type { AgentRegistry } from '../tunnel/registry.ts'

/** What a scrape of the metrics reads. */
export function gaugesOf(read: {
  readonly log: OpenAuditLog
  readonly index: Pick<AuditIndex, 'status'>
  readonly witnessing: Witnessing
  readonly registry: AgentRegistry
  readonly approvals: Pick<Approvals, 'list'>
  sessions(): number
  now(): number
}): Gauges {
  const { log, index, witnessing, registry, approvals, now } = read
  return {
    logSealed: () => log.sealed,
    logQuotaState: () => ['ok', 'low', 'full'].indexOf(log.quota.state),
    logFreeBytes: () => log.quota.free,
    logKeysFailing: () => log.keyFailure !== null,
    logSize: () => log.size,
    indexLag: () => index.status().lag,
    unwitnessedSeconds() {
      const since = witnessing.status().unwitnessedSince
      return since === null ? 0 : (now() - since) / 1000
    },
    witnessConflicts: () => witnessing.status().witnesses.filter(w => w.state === 'conflict').length,
    agentsConnected: () => registry.status().filter(a => a.connected).length,
    sessionsOpen: () => read.sessions(),
    approvalsPending: () => approvals.list().filter(one => one.state === 'pending').length,
    glassUnreviewed: () => approvals.list().filter(needsReview).length,
    glassOverdue: () =>
      approvals.list().filter(one => needsReview(one) && one.brokenGlass!.reviewBy <= now()).length,
  }
}
