import { printable } from '../../audit/sentence.ts'
import { apiVersion, listOf, optionalTime, time } from '../present.ts'
import { type Route, route } from '../route.ts'
import {
  approveRevealBody,
  denyBody,
  revealBody,
  revealEnvelope,
  revealParams,
  revealsSchema,
  revelationSchema,
} from '../schema/reveals.ts'
import type { ApiServices, RevealRecord } from '../services.ts'

export function revealRoutes({ reveals }: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/reveals',
      summary: 'Who asked for sealed originals, and what came of it; newest first',
      response: revealsSchema,
      handle: async () => listOf('RevealList', { items: await reveals.list() }, revealOf),
    }),
    route({
      method: 'POST',
      path: '/v1/reveals',
      summary: 'Ask to open one call, one value of a call, or one session; another person must approve',
      body: revealBody,
      response: revealEnvelope,
      status: 201,
      handle: async x => envelope(await reveals.request(x.caller.principal, x.body)),
    }),
    route({
      method: 'POST',
      path: '/v1/reveals/:id/approve',
      summary: 'Approve: the person who asked can open it once, within so many minutes',
      params: revealParams,
      body: approveRevealBody,
      response: revealEnvelope,
      handle: async x => envelope(await reveals.approve(x.caller.principal, x.params.id, x.body.minutes)),
    }),
    route({
      method: 'POST',
      path: '/v1/reveals/:id/deny',
      summary: 'Deny, also after an approval that was not used',
      params: revealParams,
      body: denyBody,
      response: revealEnvelope,
      handle: async x => envelope(await reveals.deny(x.caller.principal, x.params.id, x.body.reason)),
    }),
    route({
      method: 'POST',
      path: '/v1/reveals/:id/open',
      summary: 'Open what was approved, once; its entry is in the log before the answer leaves',
      params: revealParams,
      response: revelationSchema,
      handle: async x => {
        const { record, openedAt, digest, revealed } = await reveals.open(x.caller.principal, x.params.id)
        const { requester } = record
        return {
          apiVersion,
          kind: 'Revelation',
          id: record.id,
          watermark: `opened by ${printable(requester.username)} at ${time(openedAt)} under reveal ${record.id}, ticket ${printable(record.ticket)}`,
          openedAt: time(openedAt),
          openedBy: requester,
          digest,
          revealed,
        }
      },
    }),
  ]
}

function envelope(record: RevealRecord) {
  return { apiVersion, kind: 'Reveal', reveal: revealOf(record) }
}

function revealOf(record: RevealRecord) {
  const { id, state, scope, reason, ticket, requester, of, requestedAt, until, approver, approvedAt } = record
  return {
    id,
    state,
    scope,
    reason,
    ticket,
    requester,
    of,
    requestedAt: time(requestedAt),
    until: time(until),
    ...(approver === undefined ? {} : { approver }),
    ...optionalTime('approvedAt', approvedAt),
  }
}
