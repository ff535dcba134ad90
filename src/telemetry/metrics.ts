import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { FinishedExchange } from '../gateway/gateway.ts'

/** Verbs that may be a label; anything else is counted as `other`, so that no caller can grow the label set. */
const VERBS = new Set(['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'])

export interface GatewayMetrics {
  readonly registry: Registry
  finished(x: FinishedExchange): void
}

/** What the metrics read at scrape time. */
export interface Gauges {
  logSealed(): boolean
  logQuotaState(): number
  logFreeBytes(): number
  logKeysFailing(): boolean
  logSize(): number
  indexLag(): number
  unwitnessedSeconds(): number
  witnessConflicts(): number
  agentsConnected(): number
  sessionsOpen(): number
  approvalsPending(): number
  glassUnreviewed(): number
  glassOverdue(): number
}

/**
 * Prometheus metrics with bounded labels: connection (from documents only), verb, decision, status class. Never a
 * user, a path or a name.
 */
export function createMetrics(gauges: Gauges): GatewayMetrics {
  const registry = new Registry()
  const requests = new Counter({
    name: 'sallyport_requests_total',
    help: 'Requests that ended, by connection, verb, decision and class of status code.',
    labelNames: ['connection', 'verb', 'decision', 'code'],
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'sallyport_request_seconds',
    help: 'Time from the first byte of a short request to the end of its answer.',
    labelNames: ['connection'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [registry],
  })
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  }
  gauge('sallyport_audit_sealed', '1 while the audit log cannot be written and calls are refused.', () =>
    gauges.logSealed() ? 1 : 0,
  )
  gauge(
    'sallyport_audit_quota_state',
    'Room for the audit log: 0 enough, 1 low, 2 full and new calls are refused.',
    gauges.logQuotaState,
  )
  gauge('sallyport_audit_free_bytes', 'Bytes free on the file system of the audit log.', gauges.logFreeBytes)
  gauge(
    'sallyport_audit_keys_failing',
    "1 while the coming day's keys of the audit log cannot be had.",
    () => (gauges.logKeysFailing() ? 1 : 0),
  )
  gauge('sallyport_audit_entries', 'Entries in the audit log.', gauges.logSize)
  gauge(
    'sallyport_audit_index_lag_entries',
    'Entries that the search index has not taken yet.',
    gauges.indexLag,
  )
  gauge(
    'sallyport_audit_unwitnessed_seconds',
    'For how long entries have been published without enough cosignatures of witnesses; 0 when all have them.',
    gauges.unwitnessedSeconds,
  )
  gauge(
    'sallyport_audit_witness_conflicts',
    'Witnesses that say the log contradicts what they have seen.',
    gauges.witnessConflicts,
  )
  gauge('sallyport_agents_connected', 'Agents connected, the embedded one included.', gauges.agentsConnected)
  gauge('sallyport_sessions_open', 'Sessions open in this process.', gauges.sessionsOpen)
  gauge(
    'sallyport_approvals_pending',
    'Approvals that wait for a decision, of all gateways.',
    gauges.approvalsPending,
  )
  gauge(
    'sallyport_break_glass_unreviewed',
    'Times that the glass was broken and nobody has reviewed it yet, of all gateways.',
    gauges.glassUnreviewed,
  )
  gauge(
    'sallyport_break_glass_overdue',
    'Of these, those that were to be reviewed by now.',
    gauges.glassOverdue,
  )
  return {
    registry,
    finished(x) {
      const connection = x.progress.connection?.name ?? 'none'
      const verb = x.progress.action?.verb ?? 'none'
      requests.inc({
        connection,
        verb: verb === 'none' || VERBS.has(verb) ? verb : 'other',
        decision: x.progress.decision?.effect ?? 'none',
        code: x.status === 0 ? 'none' : `${Math.floor(x.status / 100)}xx`,
      })
      if (x.progress.action?.longRunning === false) seconds.observe({ connection }, x.milliseconds / 1000)
    },
  }
}
