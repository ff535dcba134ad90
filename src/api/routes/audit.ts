import { z } from 'zod'
import { sentence } from '../../audit/sentence.ts'
import { Refusal } from '../../errors/refusal.ts'
import { apiVersion, defined, listOf, pageOf, time } from '../present.ts'
import { type Route, route } from '../route.ts'
import {
  auditDetailSchema,
  auditListSchema,
  auditParams,
  auditProofsSchema,
  auditRowSchema,
  exportQuery,
  maskReportQuery,
  maskReportSchema,
  searchQuery,
  tailQuery,
} from '../schema/audit.ts'
import type { ApiServices, AuditRow } from '../services.ts'
import { tailOf } from '../tail.ts'

/** Tails that may be open at once; each costs a subscription to the log. */
const TAILS = 32

export function auditRoutes(services: ApiServices): Route[] {
  let tails = 0
  /** It reads the whole log: one at a time. */
  let exporting = false
  return [
    route({
      method: 'GET',
      path: '/v1/audit/entries',
      summary: 'Search the trail, newest first',
      query: searchQuery,
      response: auditListSchema,
      handle: async x => {
        const { limit, continue: after, since, until, ...filters } = x.query
        const page = await services.audit.search({
          ...pageOf({ limit, continue: after }),
          ...defined(filters),
          ...(since === undefined ? {} : { since: Date.parse(since) }),
          ...(until === undefined ? {} : { until: Date.parse(until) }),
        })
        return listOf('AuditList', page, rowOf)
      },
    }),
    route({
      method: 'GET',
      path: '/v1/audit/masked',
      summary: 'How many values were masked, by rule and place; most first',
      query: maskReportQuery,
      response: maskReportSchema,
      handle: async x => {
        const { rule, since, until, ...filters } = x.query
        const items = await services.audit.masked({
          ...defined(filters),
          ...(rule === undefined ? {} : { maskedBy: rule }),
          ...(since === undefined ? {} : { since: Date.parse(since) }),
          ...(until === undefined ? {} : { until: Date.parse(until) }),
        })
        return { apiVersion, kind: 'MaskReport', items: [...items] }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/audit/entries/:call',
      summary: 'One call: request, decision, result, bodies that may be shown, leaves of the log',
      params: auditParams,
      response: auditDetailSchema,
      handle: async x => {
        const detail = await services.audit.show(x.params.call)
        if (detail === undefined) {
          throw new Refusal('resource-unknown', {
            check: 'entry',
            detail: `there is no entry ${x.params.call}`,
          })
        }
        return {
          apiVersion,
          kind: 'AuditEntry',
          entry: rowOf(detail.row),
          policyDigest: detail.policyDigest,
          leaves: detail.leaves.map(leaf => ({ ...leaf, time: time(leaf.time) })),
          bodies: detail.bodies.map(defined),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/audit/entries/:call/proofs',
      summary: 'Proofs that the entries of a call are in the signed log, one C2SP tlog-proof each',
      params: auditParams,
      response: auditProofsSchema,
      handle: async x => {
        const proofs = await services.audit.proofs(x.params.call)
        if (proofs === undefined) {
          throw new Refusal('resource-unknown', {
            check: 'entry',
            detail: `there is no entry ${x.params.call}`,
          })
        }
        return { apiVersion, kind: 'AuditProofs', call: x.params.call, proofs }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/audit/export',
      summary:
        'The whole log with its verifier as one tar.gz; ?records=true adds heads and bodies, encrypted',
      query: exportQuery,
      response: z.unknown(),
      produces: 'application/gzip',
      handle: x => {
        if (exporting) {
          throw new Refusal('too-many-requests', {
            check: 'exports',
            detail: 'another export is under way',
            retryAfter: 30,
          })
        }
        exporting = true
        const archive = services.audit.export(x.query.records === 'true')
        archive.once('close', () => {
          exporting = false
        })
        return archive
      },
    }),
    route({
      method: 'GET',
      path: '/v1/audit/tail',
      summary: 'The trail as it is written: one JSON object a line, a heartbeat every 15 s',
      query: tailQuery,
      response: auditRowSchema,
      produces: 'application/x-ndjson',
      handle: x => {
        if (tails >= TAILS) {
          throw new Refusal('too-many-requests', {
            check: 'tails',
            detail: 'too many open tails',
            retryAfter: 10,
          })
        }
        tails++
        const rows = services.audit.tail({ limit: 500, ...defined(x.query) }, x.signal)
        return tailOf(rows, rowOf, services.now, () => tails--)
      },
    }),
  ]
}

function rowOf(row: AuditRow) {
  return {
    call: row.call,
    kind: row.kind,
    time: time(row.time),
    session: row.session,
    effect: row.effect,
    complete: row.complete,
    sentence: sentence(row),
    head: row.head as Record<string, unknown>,
  }
}
