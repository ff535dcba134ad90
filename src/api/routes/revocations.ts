import { apiVersion, listOf, optionalTime, pageOf, time } from '../present.ts'
import { type Route, route } from '../route.ts'
import { revocationsQuery, revocationsSchema, revokeBody, revokedSchema } from '../schema/identity.ts'
import type { ApiServices, Revocation } from '../services.ts'

export function revocationRoutes(services: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/revocations',
      summary: 'What has been cut off, newest first',
      query: revocationsQuery,
      response: revocationsSchema,
      handle: async x =>
        listOf('RevocationList', await services.revocations.list(pageOf(x.query)), revocationOf),
    }),
    route({
      method: 'POST',
      path: '/v1/revocations',
      summary: 'Cut off a session, a principal or an issuer everywhere, now',
      body: revokeBody,
      response: revokedSchema,
      status: 201,
      handle: async x => {
        const { target, reason, until } = x.body
        const revoked = await services.revocations.revoke(
          target,
          x.caller.principal,
          reason,
          until === undefined ? undefined : Date.parse(until),
        )
        return {
          apiVersion,
          kind: 'Revocation',
          revocation: revocationOf(revoked.revocation),
          sessionsEnded: revoked.sessionsEnded,
        }
      },
    }),
  ]
}

function revocationOf(r: Revocation) {
  return {
    id: r.id,
    target: r.target,
    reason: r.reason,
    by: r.by,
    at: time(r.at),
    ...optionalTime('until', r.until),
  }
}
