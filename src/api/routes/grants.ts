import { ofCaller } from '../only-mine.ts'
import { apiVersion, listOf } from '../present.ts'
import { grantOf } from '../present-approvals.ts'
import { type Route, route } from '../route.ts'
import { approvalParams, grantEnvelope, grantsQuery, grantsSchema, reasonBody } from '../schema/approvals.ts'
import type { ApiServices } from '../services.ts'

const MOST = 500

export function grantRoutes({ approvals, now }: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/grants',
      summary: 'What approvals have opened, and until when',
      query: grantsQuery,
      response: grantsSchema,
      handle: async x => {
        const all = approvals.grants()
        const items = x.query.mine === 'true' ? ofCaller(all, x.caller, one => one.principal) : all
        return listOf('GrantList', { items: items.slice(0, MOST) }, one => grantOf(one, now()))
      },
    }),
    route({
      method: 'POST',
      path: '/v1/grants/:id/revoke',
      summary: 'End a grant before its time',
      params: approvalParams,
      body: reasonBody,
      response: grantEnvelope,
      handle: async x => ({
        apiVersion,
        kind: 'Grant' as const,
        grant: grantOf(await approvals.revoke(x.caller.principal, x.params.id, x.body.reason || null), now()),
      }),
    }),
  ]
}
