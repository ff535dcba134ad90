import { sentence } from '../../audit/sentence.ts'
import type { PolicyVersion } from '../../documents/history.ts'
import { Refusal } from '../../errors/refusal.ts'
import { apiVersion, defined, listOf, time } from '../present.ts'
import { type Route, route } from '../route.ts'
import { auditParams } from '../schema/audit.ts'
import {
  checkBody,
  checkedSchema,
  explainBody,
  explainedSchema,
  historyParams,
  historySchema,
  replayBody,
  replayedSchema,
  suggestedSchema,
  suggestQuery,
  testedSchema,
  versionParams,
  versionSchema,
} from '../schema/documents.ts'
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
      method: 'POST',
      path: '/v1/policy/replay',
      summary: 'Which recorded decisions would change under other policies',
      body: replayBody,
      response: replayedSchema,
      handle: async x => {
        const since = Date.parse(x.body.since)
        const until = x.body.until === undefined ? services.now() : Date.parse(x.body.until)
        const { principal, connection, sources } = x.body
        const report = await services.policy.replay({
          since,
          until,
          sources,
          ...defined({ principal, connection }),
        })
        return {
          apiVersion,
          kind: 'PolicyReplay',
          since: time(since),
          until: time(until),
          judged: report.judged,
          unchanged: report.unchanged,
          changed: report.changed,
          changes: report.changes.map(c => ({
            ...c,
            time: time(c.time),
            before: { ...c.before, rules: [...c.before.rules] },
            after: { ...c.after, rules: [...c.after.rules] },
          })),
          notJudged: report.notJudged.map(n => ({ ...n, calls: [...n.calls] })),
          cut: report.cut,
        }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/policy/suggestion',
      summary: 'The smallest policy and roles for what somebody really did',
      query: suggestQuery,
      response: suggestedSchema,
      handle: async x => {
        const { principal, connection } = x.query
        const since = Date.parse(x.query.since)
        const until = x.query.until === undefined ? services.now() : Date.parse(x.query.until)
        const s = await services.policy.suggest({ since, until, principal, ...defined({ connection }) })
        return {
          apiVersion,
          kind: 'PolicySuggestion',
          principal: s.username,
          calls: s.calls,
          policy: s.policy === null ? null : { ...s.policy },
          roles: s.roles.map(role => ({ ...role })),
          notes: [...s.notes],
        }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/policies/:name/history',
      summary: 'Versions of a policy that was written through the API, newest first',
      params: historyParams,
      response: historySchema,
      handle: async x => {
        const items = await services.documents.history(x.params.name)
        if (items.length === 0) throw await noHistory(services, x.params.name)
        return listOf('PolicyVersionList', { items }, versionFacts)
      },
    }),
    route({
      method: 'GET',
      path: '/v1/policies/:name/history/:number',
      summary: 'One version of a policy, with its text',
      params: versionParams,
      response: versionSchema,
      handle: async x => {
        const { name, number } = x.params
        const version = await services.documents.version(name, Number(number))
        if (version === undefined) {
          const detail = `there is no version ${number} of policy ${name}`
          throw new Refusal('resource-unknown', { check: 'version', detail })
        }
        const facts = { ...versionFacts(version), text: version.text }
        return { apiVersion, kind: 'PolicyVersion', name, version: facts }
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

function versionFacts({ number, at, by, change }: PolicyVersion) {
  return { number, time: time(at), by, change }
}

async function noHistory(services: ApiServices, name: string): Promise<Refusal> {
  const record = await services.documents.get('Policy', name)
  const detail =
    record === undefined
      ? `there is no policy ${name}`
      : record.source === 'file'
        ? `policy ${name} is owned by the file ${record.file ?? ''}: its versions are with that file`
        : `no version of policy ${name} was kept: it was not changed since versions are`
  return new Refusal('resource-unknown', { check: 'version', detail })
}

/** The rules of now, for the call as it was recorded. */
async function considered(services: ApiServices, detail: AuditDetail) {
  const e = await services.policy.explainRecorded(detail)
  const changed =
    detail.policyDigest === null || e.policyDigest === detail.policyDigest
      ? []
      : ['policy has changed since: the rules below are those of now']
  return { considered: [...e.considered], notes: [...changed, ...e.notes] }
}
