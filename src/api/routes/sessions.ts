import { Refusal } from '../../errors/refusal.ts'
import { apiVersion, boundRoleOf, defined, listOf, pageOf, sessionOf } from '../present.ts'
import { type Route, route } from '../route.ts'
import {
  endedSchema,
  endQuery,
  openBody,
  openedSchema,
  reasonBody,
  sessionEnvelope,
  sessionParams,
  sessionsQuery,
  sessionsSchema,
} from '../schema/sessions.ts'
import type { ApiServices } from '../services.ts'

export function sessionRoutes(services: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/sessions',
      summary: 'Sessions, live and past, newest first',
      query: sessionsQuery,
      response: sessionsSchema,
      handle: async x => {
        const { mine, user, connection, state } = x.query
        const { issuer, subject } = x.caller.principal
        const filter = {
          ...pageOf(x.query),
          ...defined({ username: user, connection, state }),
          ...(mine === 'true' ? { issuer, subject } : {}),
        }
        return listOf('SessionList', await services.sessions.list(filter), sessionOf)
      },
    }),
    route({
      method: 'POST',
      path: '/v1/sessions',
      summary: 'Open a session on a connection; the answer carries its token, once',
      body: openBody,
      response: openedSchema,
      status: 201,
      handle: async x => {
        const opened = await services.sessions.open(x.caller.principal, x.body.connection, x.client)
        return {
          apiVersion,
          kind: 'OpenedSession',
          session: sessionOf(opened.session),
          token: opened.token,
          idleSeconds: Math.floor(opened.idle / 1000),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/sessions/:id',
      summary: 'One session',
      params: sessionParams,
      response: sessionEnvelope,
      handle: async x => {
        const session = await services.sessions.get(x.params.id)
        if (session === undefined) throw unknown(x.params.id)
        const bindings = await services.sessions.bindings(x.params.id)
        const shown = {
          ...sessionOf(session),
          ...(bindings === undefined ? {} : { bindings: bindings.map(boundRoleOf) }),
        }
        return { apiVersion, kind: 'Session', session: shown }
      },
    }),
    route({
      method: 'PUT',
      path: '/v1/sessions/:id/reason',
      summary: 'Say why a session is used: for rules that want a reason, and for the trail',
      params: sessionParams,
      body: reasonBody,
      response: sessionEnvelope,
      handle: async x => {
        const session = await services.sessions.setReason(x.params.id, x.body.reason.trim())
        if (session === undefined) throw unknown(x.params.id)
        return { apiVersion, kind: 'Session', session: sessionOf(session) }
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/sessions/:id',
      summary: 'End a session everywhere, now',
      params: sessionParams,
      query: endQuery,
      response: endedSchema,
      handle: async x => {
        const { id } = x.params
        if ((await services.sessions.get(id)) === undefined) throw unknown(id)
        const ended = await services.sessions.end(id, x.caller.principal, x.query.reason)
        return { apiVersion, kind: 'SessionEnd', id, ended }
      },
    }),
  ]
}

function unknown(id: string): Refusal {
  return new Refusal('resource-unknown', { check: 'session', detail: `there is no session ${id}` })
}
