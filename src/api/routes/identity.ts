import { Refusal } from '../../errors/refusal.ts'
import { apiVersion, defined, listOf, principalOf, time } from '../present.ts'
import { signOutOf } from '../record.ts'
import { type Route, route } from '../route.ts'
import {
  connectionParams,
  connectionReportSchema,
  connectionsSchema,
  signedOutSchema,
  whoamiSchema,
} from '../schema/identity.ts'
import type { ApiServices } from '../services.ts'

export function identityRoutes(services: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/whoami',
      summary: 'The caller as policy sees it',
      response: whoamiSchema,
      handle: x => {
        const { principal, roles } = x.caller
        const { method, provider, validUntil } = principal.authentication
        return {
          apiVersion,
          kind: 'WhoAmI',
          principal: principalOf(principal),
          roles: [...(roles ?? [])],
          authentication: { method, provider, validUntil: time(validUntil) },
        }
      },
    }),
    route({
      method: 'POST',
      path: '/v1/signout',
      summary: 'End this sign-in and the sessions that it opened',
      response: signedOutSchema,
      handle: async x => {
        const sessionsEnded = await services.signIn.signOut(x.caller.principal)
        await services.record(signOutOf(x.recorded, sessionsEnded))
        return { apiVersion, kind: 'SignOut', sessionsEnded }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/connections',
      summary: 'Connections that the caller may use',
      response: connectionsSchema,
      handle: async x =>
        listOf('ConnectionList', { items: await services.connections.usableBy(x.caller.principal) }, c => ({
          ...defined(c),
          agents: [...c.agents],
        })),
    }),
    route({
      method: 'GET',
      path: '/v1/connections/:name/checks',
      summary: 'The way to one cluster, step by step, with what to do where it is broken',
      params: connectionParams,
      response: connectionReportSchema,
      handle: async x => {
        const { name } = x.params
        const checks = await services.connections.check(name)
        if (checks === undefined) throw new Refusal('connection-unknown', { check: 'connection-name' })
        const ok = checks.every(c => c.level !== 'failed')
        return { apiVersion, kind: 'ConnectionReport', connection: name, ok, checks: checks.map(defined) }
      },
    }),
  ]
}
