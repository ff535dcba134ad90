import { apiVersion, listOf, optionalTime, time } from '../present.ts'
import { type Route, route } from '../route.ts'
import {
  holdBody,
  holdEnvelope,
  holdReleaseBody,
  holdsSchema,
  revealParams,
  shredBody,
  shredEnvelope,
  shredsSchema,
} from '../schema/reveals.ts'
import type { ApiServices, HoldRecord, ShredRecord } from '../services.ts'

export function shredRoutes({ shreds, holds }: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/shreds',
      summary: 'Who asked to destroy the keys of a day, and what came of it; newest first',
      response: shredsSchema,
      handle: async () => listOf('ShredList', { items: await shreds.list() }, shredOf),
    }),
    route({
      method: 'POST',
      path: '/v1/shreds',
      summary: 'Ask to destroy the key of a class and day; another person must approve',
      body: shredBody,
      response: shredEnvelope,
      status: 201,
      handle: async x =>
        shredEnvelopeOf(await shreds.request(x.caller.principal, x.body.class, x.body.day, x.body.reason)),
    }),
    route({
      method: 'POST',
      path: '/v1/shreds/:id/approve',
      summary: 'Approve, and destroy the key: nobody can read again what it opened',
      params: revealParams,
      response: shredEnvelope,
      handle: async x => shredEnvelopeOf(await shreds.approve(x.caller.principal, x.params.id)),
    }),
    route({
      method: 'POST',
      path: '/v1/shreds/:id/deny',
      summary: 'Deny: the key stays',
      params: revealParams,
      response: shredEnvelope,
      handle: async x => shredEnvelopeOf(await shreds.deny(x.caller.principal, x.params.id)),
    }),
    route({
      method: 'GET',
      path: '/v1/holds',
      summary: 'Legal holds',
      response: holdsSchema,
      handle: async () => listOf('HoldList', { items: await holds.list() }, holdOf),
    }),
    route({
      method: 'POST',
      path: '/v1/holds',
      summary: 'Forbid to destroy what was recorded on a day, in a session or of a principal',
      body: holdBody,
      response: holdEnvelope,
      status: 201,
      handle: async x => {
        const { hold, late } = await holds.add(x.caller.principal, x.body.scope, x.body.reason)
        return { apiVersion, kind: 'Hold', hold: holdOf(hold), late: [...late] }
      },
    }),
    route({
      method: 'POST',
      path: '/v1/holds/:id/release',
      summary: 'End a legal hold',
      params: revealParams,
      body: holdReleaseBody,
      response: holdEnvelope,
      handle: async x => {
        const hold = await holds.release(x.caller.principal, x.params.id, x.body.reason)
        return { apiVersion, kind: 'Hold', hold: holdOf(hold), late: [] }
      },
    }),
  ]
}

function shredEnvelopeOf(record: ShredRecord) {
  return { apiVersion, kind: 'Shred', shred: shredOf(record) }
}

function shredOf({ id, state, epoch, reason, requester, requestedAt, approver, approvedAt }: ShredRecord) {
  return {
    id,
    state,
    epoch,
    reason,
    requester,
    requestedAt: time(requestedAt),
    ...(approver === undefined ? {} : { approver }),
    ...optionalTime('approvedAt', approvedAt),
  }
}

function holdOf({ id, scope, reason, by, at }: HoldRecord) {
  return { id, scope, reason, by, at: time(at) }
}
