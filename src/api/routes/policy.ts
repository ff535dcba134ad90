import { sentence } from '../../audit/sentence.ts'
import { Refusal } from '../../errors/refusal.ts'
import { apiVersion, defined } from '../present.ts'
import { type Route, route } from '../route.ts'
import { auditParams } from '../schema/audit.ts'
import { checkBody, checkedSchema, explainBody, explainedSchema, testedSchema } from '../schema/documents.ts'
import type { ApiServices, AuditDetail } from '../services.ts'

export function policyRoutes(services: ApiServices): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/policy/check',
      summary: 'Syntax and sense of policy sources, with line and column',
      body: checkBody,
      response: checkedSchema,
      handle: x => {
        const problems = services.policy.check(x.body.sources)
        return { apiVersion, kind: 'PolicyCheck', ok: !problems.some(p => p.severity === 'error'), problems }
      },
    }),
    route({
      method: 'POST',
      path: '/v1/policy/test',
      summary: 'Run the tests that stand beside policy sources',
      body: checkBody,
      response: testedSchema,
      handle: x => {
        const results = services.policy.test(x.body.sources)
        return {
          apiVersion,
          kind: 'PolicyTestReport',
          ok: results.every(r => r.ok),
          results: results.map(defined),
        }
      },
    }),
    route({
      method: 'POST',
      path: '/v1/policy/explain',
      summary: 'What the caller would be told for an action, and by which rule',
      body: explainBody,
      response: explainedSchema,
      handle: async x => {
        const e = await services.policy.explain(x.caller.principal, x.body)
        return { apiVersion, kind: 'Explanation', ...e, notes: [...e.notes] }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/decisions/:call',
      summary: 'Why a recorded call was allowed or refused',
      params: auditParams,
      response: explainedSchema,
      handle: async x => {
        const detail = await services.audit.show(x.params.call)
        if (detail === undefined) {
          throw new Refusal('resource-unknown', {
            check: 'entry',
            detail: `there is no entry ${x.params.call}`,
          })
        }
        const { row } = detail
        const { decision, error } = row.head
        return {
          apiVersion,
          kind: 'Explanation',
          call: row.call,
          sentence: sentence(row),
          effect: row.effect ?? 'deny',
          rules: [...(decision?.rules ?? (error?.check === undefined ? [] : [error.check]))],
          reason: error?.detail ?? decision?.reason ?? '',
          policyDigest: detail.policyDigest,
          ...(await considered(services, detail)),
        }
      },
    }),
  ]
}

/**
 * The rules as they would be looked at now, for the action as it was recorded. Of people only: what a service account is
 * beside its name is not in the record. A call that was refused before it was understood has no action to look at.
 */
async function considered(services: ApiServices, { row, policyDigest }: AuditDetail) {
  const { principal, action, connection } = row.head
  const nothing = { considered: [], notes: [] }
  if (row.kind !== 'k8s.request' || principal?.kind !== 'person' || connection === undefined) return nothing
  if (typeof action?.verb !== 'string') return nothing
  const text = (name: string): string => (typeof action[name] === 'string' ? (action[name] as string) : '')
  try {
    const e = await services.policy.explain(
      {
        ...principal,
        kind: 'person',
        authentication: { method: 'session', provider: '', validUntil: services.now(), credentialDigest: '' },
      },
      {
        connection,
        action: {
          verb: action.verb,
          group: text('apiGroup'),
          resource: text('resource'),
          subresource: text('subresource'),
          namespace: text('namespace'),
          name: text('name'),
          path: text('path'),
        },
      },
    )
    const changed =
      policyDigest === null || e.policyDigest === policyDigest
        ? []
        : ['policy has changed since: the rules below are those of now']
    return { considered: [...e.considered], notes: [...changed, ...e.notes] }
  } catch (error) {
    // The connection may be gone by now; what was decided is known all the same.
    if (error instanceof Refusal) return nothing
    throw error
  }
}
