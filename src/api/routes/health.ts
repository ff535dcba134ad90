import { z } from 'zod'
import type { WitnessingStatus } from '../../audit/witnesses/contract.ts'
import { errorsPage } from '../errors-page.ts'
import { apiVersion, defined, optionalTime, time } from '../present.ts'
import { type Route, route } from '../route.ts'
import { readyQuery, statusSchema, versionSchema } from '../schema/status.ts'
import type { ApiServices, HealthCheck } from '../services.ts'
import type { RouteContext } from './all.ts'

export function healthRoutes(services: ApiServices, context: RouteContext): Route[] {
  const page = errorsPage()
  return [
    route({
      method: 'GET',
      path: '/livez',
      summary: 'Whether this process works at all',
      query: readyQuery,
      response: z.string(),
      produces: 'text/plain; charset=utf-8',
      handle: x => report(x.reply, services.health.live(), x.query.verbose !== undefined),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      summary: 'Whether this process should get requests; ?verbose lists the checks',
      query: readyQuery,
      response: z.string(),
      produces: 'text/plain; charset=utf-8',
      handle: async x => report(x.reply, await services.health.ready(), x.query.verbose !== undefined),
    }),
    route({
      method: 'GET',
      path: '/version',
      summary: 'The version that answers',
      response: versionSchema,
      handle: () => ({ apiVersion, kind: 'Version', version: services.version }),
    }),
    route({
      method: 'GET',
      path: '/openapi.json',
      summary: 'This description',
      response: z.record(z.string(), z.unknown()),
      handle: () => context.openapi(),
    }),
    route({
      method: 'GET',
      path: '/errors',
      summary: 'Every error code, what it means and what to do',
      response: z.string(),
      produces: 'text/html; charset=utf-8',
      handle: x => {
        x.reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
        return page
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      summary: 'Prometheus metrics',
      response: z.string(),
      produces: context.metrics?.contentType ?? 'text/plain; charset=utf-8',
      handle: async () => (context.metrics === undefined ? '' : await context.metrics.metrics()),
    }),
    route({
      method: 'GET',
      path: '/v1/status',
      summary: 'Log, agents, issuers and sessions of this gateway at a glance',
      response: statusSchema,
      handle: async () => {
        const facts = await services.status()
        return {
          apiVersion,
          kind: 'Status',
          version: services.version,
          url: facts.url,
          startedAt: time(facts.startedAt),
          log: {
            origin: facts.log.origin,
            size: facts.log.size,
            sealed: facts.log.sealed,
            ...(facts.log.failure === undefined ? {} : { failure: facts.log.failure }),
            ...(facts.log.quota === undefined ? {} : { quota: facts.log.quota }),
            ...(facts.log.keyFailure === undefined ? {} : { keyFailure: facts.log.keyFailure }),
            ...optionalTime('lastEntryAt', facts.log.lastEntryAt),
            ...(facts.log.witnessing === undefined ? {} : { witnessing: witnessingOf(facts.log.witnessing) }),
          },
          agents: facts.agents,
          liveSessions: facts.liveSessions,
          policyDigest: facts.policyDigest,
          issuers: facts.issuers.map(defined),
        }
      },
    }),
  ]
}

function witnessingOf(status: WitnessingStatus) {
  const when = (at: number | null) => (at === null ? null : time(at))
  return {
    ...status,
    unwitnessedSince: when(status.unwitnessedSince),
    witnesses: status.witnesses.map(one => ({ ...defined(one), time: when(one.time) })),
  }
}

/** Kubernetes' own form: `ok`, or one line per check with `[+]` and `[-]`. */
function report(
  reply: { code(status: number): unknown },
  checks: readonly HealthCheck[],
  verbose: boolean,
): string {
  const ok = checks.every(check => check.ok)
  if (!ok) reply.code(503)
  if (ok && !verbose) return 'ok'
  const lines = checks.map(check =>
    check.ok
      ? `[+]${check.name} ok${check.detail === undefined ? '' : `: ${check.detail}`}`
      : `[-]${check.name} failed${check.detail === undefined ? '' : `: ${check.detail}`}`,
  )
  return `${[...lines, ok ? 'check passed' : 'check failed'].join('\n')}\n`
}
