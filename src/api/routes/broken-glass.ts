import { approvalDocument } from '../present-approvals.ts'
import { type Route, route } from '../route.ts'
import { approvalEnvelope, approvalParams, glassBody, reviewBody } from '../schema/approvals.ts'
import type { ApiServices } from '../services.ts'

export function brokenGlassRoutes({ approvals, now }: ApiServices): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/approvals/:id/break-glass',
      summary: 'Go on without an approval, where the rule names me for that; another person reviews it',
      params: approvalParams,
      body: glassBody,
      response: approvalEnvelope,
      handle: async x =>
        approvalDocument(await approvals.breakGlass(x.caller.principal, x.params.id, x.body), now()),
    }),
    route({
      method: 'POST',
      path: '/v1/approvals/:id/review',
      summary: 'Say whether broken glass was justified',
      params: approvalParams,
      body: reviewBody,
      response: approvalEnvelope,
      handle: async x =>
        approvalDocument(await approvals.review(x.caller.principal, x.params.id, x.body), now()),
    }),
  ]
}
