import { sentence } from '../../audit/sentence.ts'
import { Refusal } from '../../errors/refusal.ts'
import { apiVersion, defined } from '../present.ts'
import { type Route, route } from '../route.ts'
import { auditParams } from '../schema/audit.ts'
import { checkBody, checkedSchema, explainBody, explainedSchema, testedSchema } from '../schema/documents.ts'
import type { ApiServices } from '../services.ts'

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
        return { apiVersion, kind: 'PolicyTest', ok: results.every(r => r.ok), results: results.map(defined) }
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
        return { apiVersion, kind: 'Explanation', ...e }
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
          considered: [],
        }
      },
    }),
  ]
}
