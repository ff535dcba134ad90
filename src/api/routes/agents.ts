import { Refusal } from '../../errors/refusal.ts'
import type { AttemptLimit } from '../../identity/attempt-limit.ts'
import { guarded } from '../guarded.ts'
import { apiVersion, listOf, optionalTime, time } from '../present.ts'
import { type Route, route } from '../route.ts'
import {
  agentParams,
  agentsSchema,
  certificateRequestBody,
  certificateSchema,
  removedSchema,
  tokenBody,
  tokenSchema,
} from '../schema/agents.ts'
import type { AgentCertificate, AgentRecord, ApiServices } from '../services.ts'

export function agentRoutes(services: ApiServices, attempts: AttemptLimit): Route[] {
  const { agents } = services
  return [
    route({
      method: 'GET',
      path: '/v1/agents',
      summary: 'Agents and whether they are connected',
      response: agentsSchema,
      handle: async () => listOf('AgentList', { items: await agents.list() }, agentOf),
    }),
    route({
      method: 'POST',
      path: '/v1/agents/tokens',
      summary: 'A one-time token that lets one agent enrol',
      body: tokenBody,
      response: tokenSchema,
      status: 201,
      handle: async x => {
        const t = await agents.token(x.body.agent, x.body.lifetimeSeconds * 1000, x.caller.principal)
        return {
          apiVersion,
          kind: 'EnrolmentToken',
          agent: t.agent,
          token: t.token,
          expiresAt: time(t.expiresAt),
        }
      },
    }),
    route({
      method: 'POST',
      path: '/v1/agents/enrol',
      summary: 'Trade an enrolment token (bearer) and a certificate request for a short-lived certificate',
      body: certificateRequestBody,
      response: certificateSchema,
      handle: x =>
        guarded(attempts, x.client, async () => {
          if (x.bearer === undefined) throw new Refusal('credential-missing')
          return certificateOf(await agents.enrol(x.bearer, x.body.certificateRequest, x.client))
        }),
    }),
    route({
      method: 'POST',
      path: '/v1/agents/renew',
      summary: "Renew an agent's certificate over a connection that presents the present one",
      body: certificateRequestBody,
      response: certificateSchema,
      handle: async x =>
        certificateOf(await agents.renew(x.peerCertificate, x.body.certificateRequest, x.client)),
    }),
    route({
      method: 'DELETE',
      path: '/v1/agents/:name',
      summary: 'Remove an agent: its certificate is refused from now on',
      params: agentParams,
      response: removedSchema,
      handle: async x => {
        const { name } = x.params
        const removed = await agents.remove(name, x.caller.principal)
        if (!removed)
          throw new Refusal('resource-unknown', { check: 'agent', detail: `there is no agent ${name}` })
        return { apiVersion, kind: 'AgentRemoval', name, removed }
      },
    }),
  ]
}

function agentOf(a: AgentRecord) {
  return {
    name: a.name,
    embedded: a.embedded,
    connected: a.connected,
    connections: [...a.connections],
    ...(a.version === undefined ? {} : { version: a.version }),
    ...(a.address === undefined ? {} : { address: a.address }),
    ...optionalTime('enrolledAt', a.enrolledAt),
    ...optionalTime('certificateExpiresAt', a.certificateExpiresAt),
    ...optionalTime('lastSeenAt', a.lastSeenAt),
  }
}

function certificateOf(c: AgentCertificate) {
  return {
    apiVersion,
    kind: 'AgentCertificate',
    agent: c.agent,
    certificate: c.certificate,
    certificateAuthority: c.certificateAuthority,
    expiresAt: time(c.expiresAt),
    tunnel: c.tunnel,
  }
}
